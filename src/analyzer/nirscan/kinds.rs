//! Commands, file types and status bits of the NIRscan Nano, as its firmware defines them.

/// Size of a file; data: file type.
pub const FILE_SIZE: u16 = 0x002D;
/// The next piece of that file.
pub const FILE_DATA: u16 = 0x002E;
/// Version numbers, 7 x u32.
pub const VERSIONS: u16 = 0x0216;
/// Starts a scan; data: 0, do not store it on the memory card.
pub const START_SCAN: u16 = 0x0218;
/// Whether the scan is done: 1.
pub const SCAN_DONE: u16 = 0x0219;
/// Number of scan configurations, u8.
pub const CONFIG_COUNT: u16 = 0x0222;
/// Index of the active scan configuration, u8.
pub const ACTIVE_CONFIG: u16 = 0x0223;
/// Makes a scan configuration active; data: index. Answer: number of patterns, i32.
pub const SET_ACTIVE_CONFIG: u16 = 0x0224;
/// Number of repeats that the device averages, u16.
pub const SET_REPEATS: u16 = 0x022E;
/// Serial number, 8 characters.
pub const SERIAL_NUMBER: u16 = 0x0233;
/// Estimated time of a scan, u32 ms.
pub const SCAN_TIME: u16 = 0x0237;
/// Starts the interpretation of the scan.
pub const INTERPRET: u16 = 0x0239;
/// Whether the interpretation is done: 1.
pub const INTERPRET_DONE: u16 = 0x023A;
/// Model name, 16 characters.
pub const MODEL: u16 = 0x023C;
/// Temperatures of the electronics and the detector, 2 x i32, hundredths of a degree C.
pub const TEMPERATURES: u16 = 0x0300;
/// Device status, u32.
pub const DEVICE_STATUS: u16 = 0x0403;
/// Error status, u32, and what follows it.
pub const ERROR_STATUS: u16 = 0x0404;
/// Forgets errors.
pub const CLEAR_ERRORS: u16 = 0x0405;

/// File type of interpreted data.
pub const INTERPRETED_FILE: u8 = 8;

/// Bit of the device status: a scan runs.
pub const STATUS_SCANNING: u32 = 1 << 1;
/// Bit of the device status: an interpretation runs.
pub const STATUS_INTERPRETING: u32 = 1 << 6;

/// Bits of the error status and what they say.
pub const ERRORS: [(u32, &str); 12] = [
    (0x001, "the scan failed"),
    (0x002, "the converter failed"),
    (0x004, "the memory card failed"),
    (0x008, "the EEPROM failed"),
    (0x010, "Bluetooth failed"),
    (0x020, "the spectrum library failed"),
    (0x040, "the hardware failed"),
    (0x080, "the temperature sensor failed"),
    (0x100, "the humidity sensor failed"),
    (0x200, "the battery is low"),
    (0x400, "the memory is full"),
    (0x800, "the serial line failed"),
];

/// The first error that a status names.
pub fn error_meaning(status: u32) -> &'static str {
    ERRORS.iter().find(|(bit, _)| status & bit != 0).map_or("an unknown error", |(_, words)| words)
}
