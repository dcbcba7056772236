//! Where the devices of a saved kit are connected now: by the USB adapter, and always by the serial number that the
//! device says. A port's name is only a place to ask.

use crate::analyzer::PortListing;

use super::{SavedDevice, SavedKit};

/// A port where a device of a kit may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The port.
    pub port: String,
    /// True where the adapter is the very one, known by its own serial number: the device may be opened at once. At any
    /// other port it is asked first who it is.
    pub same_adapter: bool,
}

/// The ports where `device` of `kit` may be, the surest first. Ports with adapters of another kind, or of the same kind
/// with another serial number, are not among them: strange devices are left alone.
pub(super) fn candidates(device: &SavedDevice, kit: &SavedKit, ports: &[PortListing]) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    let mut add = |port: &str, same_adapter| {
        if !found.iter().any(|c| c.port == port) {
            found.push(Candidate { port: port.to_owned(), same_adapter });
        }
    };
    let same = |listing: &PortListing, device: &SavedDevice| {
        let (Some(is), Some(was)) = (&listing.usb, &device.usb) else { return false };
        (is.vendor, is.product, &is.serial) == (was.vendor, was.product, &was.serial) && is.serial.is_some()
    };
    let kin = |listing: &PortListing| {
        let (Some(is), Some(was)) = (&listing.usb, &device.usb) else { return false };
        (is.vendor, is.product) == (was.vendor, was.product) && (is.serial.is_none() || was.serial.is_none())
    };
    ports.iter().filter(|p| same(p, device)).for_each(|p| add(&p.name, true));
    // The kit's own cables may have changed places.
    ports.iter().filter(|p| kit.devices().iter().any(|d| same(p, d))).for_each(|p| add(&p.name, false));
    ports.iter().filter(|p| kin(p)).for_each(|p| add(&p.name, false));
    let strange = ports.iter().any(|p| p.name == device.last_port && p.usb.is_some());
    if device.usb.is_none() && !strange {
        add(&device.last_port, false);
    }
    found
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::analyzer::laser::LaserSetup;
    use crate::analyzer::{SpectrometerSetup, UsbDevice};
    use crate::session::{KitName, KitParts, SavedLaser};

    fn usb(vendor: u16, serial: Option<&str>) -> UsbDevice {
        UsbDevice { vendor, product: 1, serial: serial.map(str::to_owned), title: None }
    }

    fn device(serial: &str, usb: Option<UsbDevice>) -> SavedDevice {
        SavedDevice { model: "M".to_owned(), serial: serial.to_owned(), usb, last_port: "p0".to_owned() }
    }

    fn port(name: &str, usb: Option<UsbDevice>) -> PortListing {
        PortListing { name: name.to_owned(), usb }
    }

    fn names(found: &[Candidate]) -> Vec<(&str, bool)> {
        found.iter().map(|c| (c.port.as_str(), c.same_adapter)).collect()
    }

    #[test]
    fn a_device_is_looked_for_at_its_adapter_and_never_at_a_name_alone() {
        let (own, lasers) = (Some(usb(7, Some("A"))), Some(usb(7, Some("B"))));
        let kit = SavedKit {
            name: KitName::new("k").unwrap(),
            saved_at: Timestamp::UNIX_EPOCH,
            parts: KitParts::Raman {
                spectrometer: device("S", own.clone()),
                setup: Box::new(SpectrometerSetup::Obp),
                laser: SavedLaser::OwnPort { device: device("L", lasers.clone()), setup: LaserSetup::default() },
                excitation_nm: 785.0,
                laser_power_mw: None,
            },
        };
        let at = |ports: &[PortListing]| -> Vec<(String, bool)> {
            let found = candidates(kit.main_device(), &kit, ports);
            names(&found).into_iter().map(|(name, same)| (name.to_owned(), same)).collect()
        };
        // Under another name; a strange adapter of the same kind has its old name.
        let strange = port("p0", Some(usb(7, Some("C"))));
        assert_eq!(at(&[strange.clone(), port("p9", own)]), [("p9".to_owned(), true)]);
        assert_eq!(at(&[strange, port("p1", None)]), []);
        // The cables were exchanged; an adapter without a number is asked.
        assert_eq!(
            at(&[port("p3", Some(usb(7, None))), port("p4", lasers)]),
            [("p4".to_owned(), false), ("p3".to_owned(), false)]
        );
        // Without USB the last place is asked, unless a USB device took its name.
        let plain = device("S", None);
        assert_eq!(names(&candidates(&plain, &kit, &[])), [("p0", false)]);
        assert_eq!(names(&candidates(&plain, &kit, &[port("p0", Some(usb(9, None)))])), []);
    }
}
