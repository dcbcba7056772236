//! Promises of this part of the program.
