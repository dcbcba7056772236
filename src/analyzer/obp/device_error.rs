//! Error numbers that a device puts into the header of a NACK.

/// Done.
pub const OK: u16 = 0;
/// The protocol version is not supported.
pub const UNSUPPORTED_PROTOCOL: u16 = 1;
/// The message type is unknown to this device.
pub const UNKNOWN_TYPE: u16 = 2;
/// The checksum of the request was wrong.
pub const BAD_CHECKSUM: u16 = 3;
/// The request was too long.
pub const TOO_LARGE: u16 = 4;
/// The length of the data does not match the message type.
pub const LENGTH_MISMATCH: u16 = 5;
/// The data are out of range.
pub const DATA_INVALID: u16 = 6;
/// The device is busy or not set up.
pub const NOT_READY: u16 = 7;
/// The type of the checksum is unknown.
pub const UNKNOWN_CHECKSUM: u16 = 8;
/// The device was reset unexpectedly.
pub const RESET: u16 = 9;
/// The question is valid, the information does not exist.
pub const NO_INFORMATION: u16 = 12;
/// Internal error.
pub const INTERNAL: u16 = 13;
/// The request did not end properly.
pub const BAD_END: u16 = 14;
/// The scan was interrupted.
pub const INTERRUPTED: u16 = 15;

/// Every number of the protocol that says that something is wrong.
pub const ALL: [u16; 21] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 100, 101, 102, 103, 104, 255];

/// What an error number means, as the end of a sentence that begins with "the device says that".
#[must_use]
pub const fn meaning(error: u16) -> &'static str {
    match error {
        UNSUPPORTED_PROTOCOL => "it does not support this version of the protocol",
        UNKNOWN_TYPE => "it does not know this message",
        BAD_CHECKSUM => "the checksum was wrong",
        TOO_LARGE => "the message was too long",
        LENGTH_MISMATCH => "the length of the data does not fit the message",
        DATA_INVALID => "the value is out of range",
        NOT_READY => "it is not ready",
        UNKNOWN_CHECKSUM => "it does not know this kind of checksum",
        RESET => "it was reset unexpectedly",
        10 => "it has too many buses",
        11 => "it is out of memory",
        NO_INFORMATION => "this information does not exist",
        INTERNAL => "it has an internal error",
        BAD_END => "the message did not end properly",
        INTERRUPTED => "the scan was interrupted",
        100 => "it cannot decrypt the message",
        101 => "the layout of its firmware is invalid",
        102 => "a packet had the wrong size",
        103 => "its hardware revision does not fit its firmware",
        104 => "its flash layout does not fit",
        255 => "it will answer later",
        _ => "an unknown error happened",
    }
}
