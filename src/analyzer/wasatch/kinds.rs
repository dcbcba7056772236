//! Command codes and status numbers of the Wasatch OEM UART protocol.

/// Added to a command code to write instead of read.
pub const WRITE: u8 = 0x80;

/// Takes an image; the answer is bare pixel bytes, two a pixel.
pub const ACQUIRE: u8 = 0x0A;
/// Firmware revision, 4 bytes.
pub const FIRMWARE_REVISION: u8 = 0x0D;
/// FPGA revision, 7 characters.
pub const FPGA_REVISION: u8 = 0x10;
/// Integration time, ms, 3 bytes.
pub const INTEGRATION_TIME: u8 = 0x11;
/// Offset of the detector.
pub const DETECTOR_OFFSET: u8 = 0x13;
/// Gain of the detector: whole part in the high byte, 256ths in the low one.
pub const DETECTOR_GAIN: u8 = 0x14;
/// Pixels of an image, u16.
pub const PIXEL_COUNT: u8 = 0x15;
/// Setpoint of the detector's cooler, converter counts, u16.
pub const TEC_SETPOINT: u8 = 0x16;
/// Pattern instead of an image.
pub const TEST_PATTERN: u8 = 0x30;
/// Reads the 64 bytes of the EEPROM page that was loaded last.
pub const READ_PAGE: u8 = 0x31;
/// Modulation of the laser.
pub const LASER_MODULATION: u8 = 0x33;
/// The laser.
pub const LASER_ENABLE: u8 = 0x34;
/// Cooler of the detector on or off.
pub const TEC_ENABLE: u8 = 0x38;
/// Temperature of the detector, converter counts, u16.
pub const DETECTOR_TEMPERATURE: u8 = 0x49;
/// Says that somebody listens.
pub const PING: u8 = 0x4B;
/// Written (with [`WRITE`]) with `0x40 + page` to load an EEPROM page.
pub const LOAD_PAGE: u8 = 0x30;
/// Added to the number of a page that is loaded.
pub const PAGE_FLAG: u8 = 0x40;

/// Status of a write that was done.
pub const SUCCESS: u8 = 0;
/// Status: the length does not fit the command.
pub const LENGTH_ERROR: u8 = 1;
/// Status: the checksum of the request does not fit.
pub const CRC_ERROR: u8 = 2;
/// Status: there is no such command.
pub const UNKNOWN_COMMAND: u8 = 3;
/// Status: not available on this port.
pub const NOT_AVAILABLE: u8 = 4;

/// What a status number says.
pub const fn status_meaning(status: u8) -> &'static str {
    match status {
        SUCCESS => "success",
        LENGTH_ERROR => "the length of the request does not fit",
        CRC_ERROR => "the checksum of the request does not fit",
        UNKNOWN_COMMAND => "it does not know the command",
        NOT_AVAILABLE => "the command is not available on this port",
        0xFF => "the data of the request are invalid",
        0xFE => "its inner communication failed",
        0xFD => "the address is invalid",
        0xFC => "it is busy",
        _ => "an unknown status",
    }
}
