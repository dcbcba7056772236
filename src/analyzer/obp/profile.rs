//! The models that speak the protocol, as a table, and how a device's own words choose among them.

use crate::analyzer::spectrometer::Limits;

/// How a model hands out spectra.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readout {
    /// 16 bits a pixel, in answer to the question; the device averages.
    Direct,
    /// 32 bits a pixel behind 32 bytes of metadata, out of a buffer; the host averages, because whether the device does
    /// is not known.
    Buffered,
}

/// What is known of a model. The limits hold where the device does not say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Profile {
    /// Name where the device gives none.
    pub name: &'static str,
    /// Name of the driver in records.
    pub driver: &'static str,
    /// USB product number, which the device also gives over its serial line.
    usb_product: u32,
    /// Part of the product's name in capitals, letters and digits only.
    product: &'static str,
    pub readout: Readout,
    pub limits: Limits,
    /// Largest count that the converter can give.
    pub max_counts: u32,
    /// First and last pixel of those without a photodiode.
    pub electric_dark: &'static [(usize, usize)],
    /// First and last pixel of those behind a mask.
    pub optical_dark: &'static [(usize, usize)],
    /// Places of the sensors among the temperatures that the device says, that of the detector first. The place between is
    /// reserved and holds a zero.
    pub sensors: &'static [usize],
    /// Whether the detector has a cooler.
    pub cooled: bool,
    /// Whether the laser is driven over the same line.
    pub laser: bool,
}

/// Most readouts that are averaged, on the device or by this driver.
const AVERAGES_MAX: u16 = 5_000;

const STS: Profile = Profile {
    name: "STS (Ocean Binary Protocol)",
    driver: concat!("obp-sts ", env!("CARGO_PKG_VERSION")),
    usb_product: 0x4000,
    product: "STS",
    readout: Readout::Direct,
    limits: Limits {
        pixels: 1_024,
        saturation_counts: 16_383,
        integration_us_min: 10,
        integration_us_max: 85_000_000,
        averages_max: AVERAGES_MAX,
    },
    max_counts: 16_383,
    electric_dark: &[],
    optical_dark: &[],
    sensors: &[0, 2],
    cooled: false,
    laser: false,
};
const SPARK: Profile = Profile {
    name: "Spark (Ocean Binary Protocol)",
    driver: concat!("obp-spark ", env!("CARGO_PKG_VERSION")),
    usb_product: 0x4200,
    product: "SPARK",
    ..STS
};
/// Sources differ on the saturation: 200,000 in the vendor's library, 262,143 elsewhere. The lower one loses nothing but
/// range. They also differ on the masked pixels: four without diode at each end, and, in one source only, six behind a
/// mask beside them; none of them is used as light.
const QE_PRO: Profile = Profile {
    name: "QE Pro (Ocean Binary Protocol)",
    driver: concat!("obp-qepro ", env!("CARGO_PKG_VERSION")),
    usb_product: 0x4004,
    product: "QEPRO",
    readout: Readout::Buffered,
    limits: Limits {
        pixels: 1_044,
        saturation_counts: 200_000,
        integration_us_min: 8_000,
        integration_us_max: 1_600_000_000,
        averages_max: AVERAGES_MAX,
    },
    max_counts: 262_143,
    electric_dark: &[(0, 3), (1_040, 1_043)],
    optical_dark: &[(4, 9), (1_034, 1_039)],
    sensors: &[3, 0, 2],
    cooled: true,
    laser: false,
};
const VENTANA: Profile = Profile {
    name: "Ventana 785 (Ocean Binary Protocol)",
    driver: concat!("obp-ventana ", env!("CARGO_PKG_VERSION")),
    usb_product: 0x5000,
    product: "VENTANA",
    limits: Limits {
        saturation_counts: 65_535,
        integration_us_min: 22_000,
        integration_us_max: 60_000_000,
        ..STS.limits
    },
    max_counts: 65_535,
    laser: true,
    ..STS
};
const ALL: [&Profile; 4] = [&STS, &QE_PRO, &VENTANA, &SPARK];

/// Chooses by the USB product number, else by the name, else by the pixel count. A device that says nothing of itself is
/// taken for an STS, the one model whose users are known to drive it without asking. `Err` names a device that says what
/// it is and is none of the table.
pub(super) fn choose(
    usb_product: Option<u32>,
    product: Option<&str>,
    pixels: Option<u32>,
) -> Result<&'static Profile, String> {
    let by = |fits: &dyn Fn(&Profile) -> bool| ALL.into_iter().find(|profile| fits(profile));
    if let Some(profile) = usb_product.and_then(|number| by(&|p| p.usb_product == number)) {
        return Ok(profile);
    }
    let plain = product.map(|name| {
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect::<String>()
    });
    if let Some(profile) = plain.as_deref().and_then(|name| by(&|p| name.contains(p.product))) {
        return Ok(profile);
    }
    match (usb_product, product.filter(|name| !name.is_empty())) {
        (_, Some(name)) => Err(format!("it calls itself '{name}', a model that this driver does not know")),
        (Some(number), None) => Err(format!("its product number {number:#06x} is unknown to this driver")),
        (None, None) => match pixels {
            None => Ok(&STS),
            Some(pixels) => by(&|p| p.limits.pixels == pixels as usize)
                .ok_or_else(|| format!("it has {pixels} pixels, as no model that this driver knows")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_by_its_product_number_then_its_name_then_its_pixels() {
        /// Product number, product name, pixels; name of the profile.
        type Case = (Option<u32>, Option<&'static str>, Option<u32>, Option<&'static str>);
        let cases: &[Case] = &[
            (Some(0x4000), None, None, Some("STS")),
            (Some(0x4004), Some("something"), Some(1_024), Some("QEPRO")),
            (Some(0x5000), None, Some(1_024), Some("VENTANA")),
            (Some(0x4200), None, None, Some("SPARK")),
            (None, Some("Ocean Optics QE-Pro"), None, Some("QEPRO")),
            (Some(0x9999), Some("QE PRO"), None, Some("QEPRO")),
            (None, Some("ventana 785"), None, Some("VENTANA")),
            (None, Some("STS-VIS"), None, Some("STS")),
            (None, None, Some(1_044), Some("QEPRO")),
            (None, Some(""), Some(1_024), Some("STS")),
            (None, None, None, Some("STS")),
            (Some(0x2001), None, Some(1_024), None),
            (None, Some("Flame-X"), Some(1_024), None),
            (None, None, Some(2_048), None),
        ];
        for (number, name, pixels, expected) in cases {
            let found = choose(*number, *name, *pixels);
            assert_eq!(found.as_ref().ok().map(|p| p.product), *expected, "{number:?} {name:?} {pixels:?}");
        }
    }
}
