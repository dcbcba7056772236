//! Message types of the Ocean Binary Protocol that the drivers and the emulator speak. `Q` asks and is answered with
//! the same type and data; `S` sets and is answered with ACK or NACK when the host asked for it. Data are little-endian.

/// S, no data: reset the device.
pub const RESET: u32 = 0x000;
/// S, no data: reset to factory defaults.
pub const RESET_DEFAULTS: u32 = 0x001;
/// S, u8: checksum type of replies, 0 none, 1 MD5.
pub const SET_CHECKSUM_TYPE: u32 = 0x010;
/// Q, u8: hardware revision.
pub const HARDWARE_REVISION: u32 = 0x080;
/// Q, u16: firmware revision.
pub const FIRMWARE_REVISION: u32 = 0x090;
/// Q, ASCII: serial number.
pub const SERIAL_NUMBER: u32 = 0x100;
/// Q, u8: greatest length of the serial number.
pub const SERIAL_NUMBER_LENGTH: u32 = 0x101;
/// Q, ASCII: alias of the device.
pub const ALIAS: u32 = 0x200;
/// Q, u8: greatest length of the alias.
pub const ALIAS_LENGTH: u32 = 0x201;
/// S, ASCII: alias of the device.
pub const SET_ALIAS: u32 = 0x210;
/// Q, u8: number of user strings.
pub const USER_STRING_COUNT: u32 = 0x300;
/// Q, u16: greatest length of a user string.
pub const USER_STRING_LENGTH: u32 = 0x301;
/// Q, u8 index -> ASCII: one user string.
pub const USER_STRING: u32 = 0x302;
/// S, u8 index and ASCII: one user string.
pub const SET_USER_STRING: u32 = 0x310;
/// Q, u32: speed of the serial line.
pub const BAUD: u32 = 0x800;
/// Q, u8: flow control, 0 none.
pub const FLOW_CONTROL: u32 = 0x804;
/// S, u32: speed of the serial line, from the next message on.
pub const SET_BAUD: u32 = 0x810;
/// S, u8: flow control.
pub const SET_FLOW_CONTROL: u32 = 0x814;
/// S, no data: keep the settings of the serial line over power-off.
pub const SAVE_SERIAL_SETTINGS: u32 = 0x8F0;
/// Q, u16: USB vendor id.
pub const USB_VENDOR_ID: u32 = 0xE20;
/// Q, u16: USB product id.
pub const USB_PRODUCT_ID: u32 = 0xE21;
/// Q, ASCII: manufacturer.
pub const MANUFACTURER: u32 = 0xE40;
/// Q, ASCII: product.
pub const PRODUCT: u32 = 0xE41;
/// S: pattern of the status lamp.
pub const SET_STATUS_LED: u32 = 0x1010;
/// S, no data: abort the acquisition and go idle.
pub const ABORT: u32 = 0x10_0000;
/// Q, u32: most spectra that the buffer can hold.
pub const BUFFER_SIZE_MAX: u32 = 0x10_0820;
/// Q, u32: spectra that the buffer holds before the oldest is lost.
pub const BUFFER_SIZE: u32 = 0x10_0822;
/// S, no data: forget all buffered spectra.
pub const CLEAR_BUFFER: u32 = 0x10_0830;
/// S, u32: forget so many of the oldest spectra.
pub const REMOVE_OLDEST: u32 = 0x10_0831;
/// S, u32: spectra that the buffer holds before the oldest is lost.
pub const SET_BUFFER_SIZE: u32 = 0x10_0832;
/// Q, u32: spectra in the buffer.
pub const BUFFERED_COUNT: u32 = 0x10_0900;
/// S, no data: acquire into the buffer.
pub const ACQUIRE_INTO_BUFFER: u32 = 0x10_0902;
/// Q, u8: 1 when the device is idle.
pub const IDLE: u32 = 0x10_0908;
/// Q, 32 bytes of metadata and u32 per pixel: the oldest buffered spectrum; with an empty buffer, one is acquired.
pub const BUFFERED_SPECTRUM: u32 = 0x10_0928;
/// Q, u16 per pixel: acquire and return the spectrum with the device's corrections.
pub const CORRECTED_SPECTRUM: u32 = 0x10_1000;
/// Q, u16 or u32: greatest counts of the converter.
pub const MAX_COUNTS: u32 = 0x10_1010;
/// Q, u16 or u32: counts at which the detector is saturated.
pub const SATURATION_COUNTS: u32 = 0x10_10A0;
/// Q, u16 or u32: baseline counts.
pub const BASELINE_COUNTS: u32 = 0x10_10A1;
/// Q, u16 per pixel: acquire and return the raw spectrum.
pub const RAW_SPECTRUM: u32 = 0x10_1100;
/// S, 4 x u16 mode (2), start, increment, count: pixels of a partial spectrum.
pub const SET_PARTIAL_SPECTRUM: u32 = 0x10_2010;
/// Q, u16 per pixel: acquire and return a partial spectrum.
pub const PARTIAL_SPECTRUM: u32 = 0x10_2080;
/// Q, u32: integration time, microseconds.
pub const INTEGRATION_TIME: u32 = 0x11_0000;
/// Q, u32: shortest integration time, microseconds.
pub const INTEGRATION_TIME_MIN: u32 = 0x11_0001;
/// Q, u32: longest integration time, microseconds.
pub const INTEGRATION_TIME_MAX: u32 = 0x11_0002;
/// Q, u32: step of the integration time, microseconds.
pub const INTEGRATION_TIME_STEP: u32 = 0x11_0003;
/// S, u32: integration time, microseconds.
pub const SET_INTEGRATION_TIME: u32 = 0x11_0010;
/// Q, u8: trigger mode, 0 normal.
pub const TRIGGER_MODE: u32 = 0x11_0100;
/// S, u8: trigger mode.
pub const SET_TRIGGER_MODE: u32 = 0x11_0110;
/// S, no data: simulate a trigger pulse.
pub const TRIGGER_PULSE: u32 = 0x11_0120;
/// Q, u32: number of pixels.
pub const PIXEL_COUNT: u32 = 0x11_0220;
/// Q, pairs of u32 first and last: pixels that see light.
pub const ACTIVE_PIXELS: u32 = 0x11_0221;
/// Q, pairs of u32 first and last: pixels behind a mask, with dark current.
pub const OPTICAL_DARK_PIXELS: u32 = 0x11_0222;
/// Q, pairs of u32 first and last: pixels without a photodiode, which follow the electronic offset.
pub const ELECTRIC_DARK_PIXELS: u32 = 0x11_0223;
/// Q, u8: binning, as the power of two of pixels that are read as one.
pub const BINNING: u32 = 0x11_0280;
/// Q, u8: greatest binning.
pub const BINNING_MAX: u32 = 0x11_0281;
/// Q, u8: binning after power-up.
pub const BINNING_DEFAULT: u32 = 0x11_0285;
/// S, u8: binning.
pub const SET_BINNING: u32 = 0x11_0290;
/// S, u8: binning after power-up.
pub const SET_BINNING_DEFAULT: u32 = 0x11_0295;
/// Q, u8: lamp (strobe) enable.
pub const LAMP_ENABLE: u32 = 0x11_0400;
/// S, u8: lamp (strobe) enable.
pub const SET_LAMP_ENABLE: u32 = 0x11_0410;
/// Q, u32: acquisition delay, microseconds.
pub const ACQUISITION_DELAY: u32 = 0x11_0500;
/// Q, u32: shortest acquisition delay, microseconds.
pub const ACQUISITION_DELAY_MIN: u32 = 0x11_0501;
/// Q, u32: longest acquisition delay, microseconds.
pub const ACQUISITION_DELAY_MAX: u32 = 0x11_0502;
/// Q, u32: step of the acquisition delay, microseconds.
pub const ACQUISITION_DELAY_STEP: u32 = 0x11_0503;
/// S, u32: acquisition delay, microseconds.
pub const SET_ACQUISITION_DELAY: u32 = 0x11_0510;
/// S, u8: shutter open.
pub const SET_SHUTTER: u32 = 0x11_0610;
/// Q, u16: scans that the device averages into one spectrum.
pub const SCANS_TO_AVERAGE: u32 = 0x12_0000;
/// S, u16: scans that the device averages into one spectrum.
pub const SET_SCANS_TO_AVERAGE: u32 = 0x12_0010;
/// Q, u8: half width of the boxcar, pixels.
pub const BOXCAR: u32 = 0x12_1000;
/// S, u8: half width of the boxcar, pixels.
pub const SET_BOXCAR: u32 = 0x12_1010;
/// Q, u8: number of wavelength coefficients.
pub const WAVELENGTH_COEFFICIENT_COUNT: u32 = 0x18_0100;
/// Q, u8 index -> f32: one wavelength coefficient, nm over the 0-based pixel.
pub const WAVELENGTH_COEFFICIENT: u32 = 0x18_0101;
/// S, u8 index and f32: one wavelength coefficient.
pub const SET_WAVELENGTH_COEFFICIENT: u32 = 0x18_0111;
/// Q, u8: number of nonlinearity coefficients.
pub const NONLINEARITY_COEFFICIENT_COUNT: u32 = 0x18_1100;
/// Q, u8 index -> f32: one nonlinearity coefficient.
pub const NONLINEARITY_COEFFICIENT: u32 = 0x18_1101;
/// S, u8 index and f32: one nonlinearity coefficient.
pub const SET_NONLINEARITY_COEFFICIENT: u32 = 0x18_1111;
/// Q, u8: number of stray-light coefficients.
pub const STRAY_LIGHT_COEFFICIENT_COUNT: u32 = 0x18_3100;
/// Q, u8 index -> f32: one stray-light coefficient.
pub const STRAY_LIGHT_COEFFICIENT: u32 = 0x18_3101;
/// S, u8 index and f32: one stray-light coefficient.
pub const SET_STRAY_LIGHT_COEFFICIENT: u32 = 0x18_3111;
/// Q, f32 per pixel: irradiance calibration.
pub const IRRADIANCE_CALIBRATION: u32 = 0x18_2001;
/// S, f32 per pixel: irradiance calibration.
pub const SET_IRRADIANCE_CALIBRATION: u32 = 0x18_2011;
/// Q, u32 each: indices of hot pixels.
pub const HOT_PIXELS: u32 = 0x18_6000;
/// S, u32 each: indices of hot pixels.
pub const SET_HOT_PIXELS: u32 = 0x18_6010;
/// Q, ASCII: identification of the optical bench.
pub const BENCH_ID: u32 = 0x1B_0000;
/// Q, ASCII: serial number of the optical bench.
pub const BENCH_SERIAL: u32 = 0x1B_0100;
/// Q, u16: width of the slit, micrometres.
pub const SLIT_UM: u32 = 0x1B_0200;
/// Q, u16: diameter of the fibre, micrometres.
pub const FIBRE_UM: u32 = 0x1B_0300;
/// Q, ASCII: grating.
pub const GRATING: u32 = 0x1B_0400;
/// Q, ASCII: filter.
pub const FILTER: u32 = 0x1B_0500;
/// Q, ASCII: coating.
pub const COATING: u32 = 0x1B_0600;
/// Q, ASCII: serial number of the detector.
pub const DETECTOR_SERIAL: u32 = 0x1B_0700;
/// Q, u8: number of general-purpose pins.
pub const PIN_COUNT: u32 = 0x20_0000;
/// Q, u32: pins that are outputs, a bit each.
pub const PIN_OUTPUTS: u32 = 0x20_0100;
/// S, u32 value and u32 mask: pins that are outputs.
pub const SET_PIN_OUTPUTS: u32 = 0x20_0110;
/// Q, u32: levels of the pins, a bit each.
pub const PIN_LEVELS: u32 = 0x20_0300;
/// S, u32 value and u32 mask: levels of the pins.
pub const SET_PIN_LEVELS: u32 = 0x20_0310;
/// S, u32: delay of the single strobe, microseconds.
pub const SET_STROBE_DELAY: u32 = 0x30_0010;
/// S, u32: width of the single strobe, microseconds.
pub const SET_STROBE_WIDTH: u32 = 0x30_0011;
/// S, u8: whether the single strobe is on.
pub const SET_STROBE_ENABLE: u32 = 0x30_0012;
/// S, u32: period of the continuous strobe, microseconds.
pub const SET_CONTINUOUS_STROBE_PERIOD: u32 = 0x31_0010;
/// S, u8: whether the continuous strobe is on.
pub const SET_CONTINUOUS_STROBE_ENABLE: u32 = 0x31_0011;
/// Q, u8: number of temperatures.
pub const TEMPERATURE_COUNT: u32 = 0x40_0000;
/// Q, u8 index -> f32: one temperature, deg C.
pub const TEMPERATURE: u32 = 0x40_0001;
/// Q, f32 each: all temperatures, deg C; STS: detector, reserved, board.
pub const TEMPERATURES: u32 = 0x40_0002;
/// Q, u8: whether the cooler runs.
pub const COOLER_ENABLE: u32 = 0x42_0000;
/// Q, f32: temperature that the cooler holds, deg C.
pub const COOLER_SETPOINT: u32 = 0x42_0001;
/// Q, u8: whether the detector is at its temperature.
pub const COOLER_STABLE: u32 = 0x42_0003;
/// Q, f32: temperature of the detector, deg C.
pub const COOLER_TEMPERATURE: u32 = 0x42_0004;
/// S, u8: whether the cooler runs.
pub const SET_COOLER_ENABLE: u32 = 0x42_0010;
/// S, f32: temperature that the cooler holds, deg C.
pub const SET_COOLER_SETPOINT: u32 = 0x42_0011;
/// Q, u8 module and u8 source -> u8: whether a light source (the laser) is on.
pub const LIGHT_SOURCE_ENABLE: u32 = 0x81_0021;
/// S, u8 module, u8 source and u8: whether a light source (the laser) is on.
pub const SET_LIGHT_SOURCE_ENABLE: u32 = 0x81_0031;
/// Q, u8 module and u8 source -> f32: intensity of a light source.
pub const LIGHT_SOURCE_INTENSITY: u32 = 0x81_0041;
/// S, u8 module, u8 source and f32: intensity of a light source.
pub const SET_LIGHT_SOURCE_INTENSITY: u32 = 0x81_0051;
