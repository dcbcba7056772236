//! One scan from the button to the record: the only room where acquisition, identification and casebook meet.
//! The window and the command line both stand on it.
//!
//! Named threads work for a [`Session`]: `kit` owns the ports, `identify` owns the engine, `casebook` owns the
//! data folder; `records`, `library` and `gps` read beside them. Commands reach them over bounded channels that are never waited for; what happens comes back as
//! [`Event`]s. Dropping the session cancels a running scan, commands the laser off and ends the threads.

mod casebook_worker;
mod clock_sync;
mod config;
mod data_dir;
mod emulated_sample;
mod emulated_standard;
mod events;
mod find_kit;
mod finding_words;
mod gps_watch;
mod identify_worker;
mod judged;
mod kept_index;
mod kit_link;
mod kit_open;
mod kit_records;
mod kit_standards;
mod kit_store;
mod kit_wishes;
mod kit_worker;
mod laboratory_desk;
mod laboratory_wishes;
mod library_in_use;
mod library_worker;
mod messages;
mod operators;
mod record_wishes;
mod records_worker;
mod replay;
mod running;
mod saved_kit;
mod scan_exposure;
mod set_aside;
mod settings;
mod shared;
mod standard_finding;
mod uptime;

pub use clock_sync::system_clock_synchronised;
pub use config::{EngineLoader, Identifier, KitChoice, PortLister, SessionConfig};
pub use data_dir::{DataDirError, casebook_path, data_dir, data_dir_path};
pub use emulated_sample::{EMPTY, EmulatedSampleError, sample_choices, sample_from_name};
pub use emulated_standard::standard_sample;
pub use kept_index::{engine_with_kept_index, keep_index};
pub use kit_records::{
    AxisErrors, CheckPolicy, KitFinding, KitHistory, KitRecord, KitRecordError, WitnessBand, append_kit_record,
    kit_records_path, read_kit_records,
};
pub use kit_store::{KitChoices, KitShelf, KitStoreError, forget_kit, keep_choices, read_choices, save_kit};
pub use laboratory_wishes::{Desk, Done, DraftState, ImportOrder, LaboratoryWish, ReleaseOrder};
pub use library_in_use::{
    LibraryInUse, PackAge, age_warning, content_in_use, library_by_digest, library_in_use, library_of_pack,
    library_or_pack, library_to_look_at, pack_age,
};
pub use library_worker::{LibraryNews, LibraryWish};
pub use messages::{Command, Connection, Event, KitMeasured, KitMeasurement, KitStatus, ProbeOutcome, Probed, Stage};
pub use record_wishes::{RecordAct, RecordNews, RecordWish};
pub use replay::{Replay, ReplayDifference, ReplayError, ReplayField, replay, spectrum_again};
pub use running::{Refused, Session};
pub use saved_kit::{BadKitName, KitId, KitName, KitParts, SavedDevice, SavedKit, SavedLaser};
pub use scan_exposure::{AutomaticExposure, FixedExposure, ScanExposure};
pub use set_aside::{SetAsideError, TakeInError, TakenIn, take_in};
pub use settings::{Colours, Settings};
pub use standard_finding::{MeasuredStandard, StandardFindingError, StandardPurpose, find_in_standards};
pub use uptime::system_uptime;

/// The operator in a record that was made while no account is enrolled.
pub const UNENROLLED: &str = "unenrolled";
