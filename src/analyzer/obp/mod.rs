//! The Ocean Binary Protocol (OBP): frames, message types and the driver.
