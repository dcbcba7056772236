//! The commands as a stranger meets them: help, results, and a sentence when something is wrong.
