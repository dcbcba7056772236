//! Horiba LabSpec text: `#Key=<tab>value` lines in Latin-1, then two columns, or a series or map with the axis in the
//! first row.

use super::{Content, FileSpectrum, FileTechnique, FormatError, XUnit, YUnit, number, series, text, two_column};

/// The file begins with a `#Key=` line.
pub(super) fn recognises(content: &Content<'_>) -> bool {
    let first = text::lines(content.text).map(|(_, line)| line).find(|line| !line.trim().is_empty());
    first.is_some_and(|line| line.starts_with('#') && line.contains('='))
}

/// The spectrum, or each spectrum of a series.
pub(super) fn read(content: &Content<'_>) -> Result<Vec<FileSpectrum>, FormatError> {
    let header = Header::read(content.text);
    let fallback_title = if header.title.is_empty() { content.fallback_title } else { &header.title };
    let content = &Content { text: content.text, fallback_title };
    let mut spectra = if series::recognises(content) { series::read(content)? } else { two_column::read(content)? };
    for spectrum in &mut spectra {
        header.describe(spectrum);
    }
    Ok(spectra)
}

/// The lines that matter here.
#[derive(Default)]
struct Header {
    title: String,
    instrument: String,
    x_type: String,
    x_unit: String,
    y_unit: String,
    laser_nm: Option<f64>,
    is_dark_corrected: Option<bool>,
}

impl Header {
    fn read(text: &str) -> Self {
        let mut header = Self::default();
        for (_, line) in text::lines(text) {
            let Some((key, value)) = line.strip_prefix('#').and_then(|rest| rest.split_once('=')) else { continue };
            let value = text::brief(value);
            match key.trim() {
                "Title" => value.clone_into(&mut header.title),
                "Instrument" => value.clone_into(&mut header.instrument),
                "AxisType[1]" => value.clone_into(&mut header.x_type),
                "AxisUnit[1]" => value.clone_into(&mut header.x_unit),
                "AxisUnit[0]" => value.clone_into(&mut header.y_unit),
                "Laser (nm)" | "Laser" => header.laser_nm = number::laser_nm(value),
                "Dark correction" => header.is_dark_corrected = Some(!value.eq_ignore_ascii_case("off")),
                _ => {}
            }
        }
        header
    }

    fn describe(&self, spectrum: &mut FileSpectrum) {
        if !self.x_unit.is_empty() {
            let named = XUnit::named_in(&self.x_unit);
            spectrum.x_unit = Some(named.unwrap_or_else(|| XUnit::Other(self.x_unit.clone())));
        }
        if !self.y_unit.is_empty() {
            let named = YUnit::named_in(&self.y_unit);
            spectrum.y_unit = Some(named.unwrap_or_else(|| YUnit::Other(self.y_unit.clone())));
        }
        spectrum.laser_nm = self.laser_nm;
        // An axis in cm-1 on an instrument with a laser counts from the laser line.
        let shifted = spectrum.x_unit == Some(XUnit::Cm1) && self.laser_nm.is_some();
        if shifted || self.x_type.to_lowercase().contains("raman") {
            spectrum.technique = Some(FileTechnique::RAMAN);
        }
        if self.is_dark_corrected == Some(false) {
            spectrum.notes.push("the counts still contain the dark signal".to_owned());
        }
        if !self.instrument.is_empty() {
            spectrum.notes.push(format!("measured with {}", self.instrument));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FileTechnique, XUnit, YUnit, read_bytes};

    #[test]
    fn the_header_in_latin_1_names_units_and_laser() {
        let bytes = b"#Acq. time (s)=\t10\n#Detector temperature (\xb0C)=\t-50\n#Laser (nm)=\t785 \n#Title=\tVial 7\n#Dark correction=\tOff\n#AxisType[0]=Intens\n#AxisUnit[0]=Cnt\n#AxisType[1]=Spectr\n#AxisUnit[1]=1/cm\n3513.15\t331.5\r\n3511.88\t335\r\n";
        let spectra = read_bytes(bytes, "x.txt").unwrap();
        let spectrum = &spectra[0];
        assert_eq!((&spectrum.x[..], &spectrum.y[..]), (&[3513.15, 3511.88][..], &[331.5, 335.0][..]));
        assert_eq!((spectrum.title.as_str(), spectrum.laser_nm), ("Vial 7", Some(785.0)));
        assert_eq!((spectrum.x_unit.clone(), spectrum.y_unit.clone()), (Some(XUnit::Cm1), Some(YUnit::Counts)));
        assert_eq!(spectrum.technique, Some(FileTechnique::RAMAN));
        assert!(spectrum.notes[0].contains("dark signal"));
    }

    #[test]
    fn an_axis_in_nanometres_is_not_called_raman() {
        let text = "#Laser (nm)=\t785\n#AxisUnit[1]=nm\n800\t1\n801\t2\n";
        let spectra = read_bytes(text.as_bytes(), "x.txt").unwrap();
        assert_eq!((spectra[0].technique.clone(), spectra[0].x_unit.clone()), (None, Some(XUnit::Nm)));
    }
}
