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
/// Q, u8: 1 when the device is idle.
pub const IDLE: u32 = 0x10_0908;
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
/// Q, u8: lamp (strobe) enable.
pub const LAMP_ENABLE: u32 = 0x11_0400;
/// S, u8: lamp (strobe) enable.
pub const SET_LAMP_ENABLE: u32 = 0x11_0410;
/// Q, u32: acquisition delay, microseconds.
pub const ACQUISITION_DELAY: u32 = 0x11_0500;
/// S, u32: acquisition delay, microseconds.
pub const SET_ACQUISITION_DELAY: u32 = 0x11_0510;
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
/// Q, u32 each: indices of hot pixels.
pub const HOT_PIXELS: u32 = 0x18_6000;
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
/// Q, u8: number of temperatures.
pub const TEMPERATURE_COUNT: u32 = 0x40_0000;
/// Q, u8 index -> f32: one temperature, deg C.
pub const TEMPERATURE: u32 = 0x40_0001;
/// Q, f32 each: all temperatures, deg C; STS: detector, reserved, board.
pub const TEMPERATURES: u32 = 0x40_0002;
