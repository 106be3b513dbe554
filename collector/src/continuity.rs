//! Openings in files.

use crate::error::Code;
use nymtrail::core::opening::Opening;
pub use nymtrail_verify::continuity::{Continued, Continuity};
use std::path::Path;

/// The longest file that is read as an opening: 64 KiB. One has less than 1 KiB.
const MAX_FILE: u64 = 1 << 16;

/// Reads a file with the JSON of an opening.
///
/// # Errors
/// `cannot_read`, `malformed_opening`.
pub fn read(path: &Path) -> Result<Continuity, Code> {
    let size = std::fs::metadata(path).map_err(|_| Code::CannotRead)?.len();
    if size > MAX_FILE {
        return Err(Code::MalformedOpening);
    }
    let file = std::fs::read(path).map_err(|_| Code::CannotRead)?;
    let text = String::from_utf8(file).map_err(|_| Code::MalformedOpening)?;
    Ok(Continuity::new(Opening::parse(text.trim()).ok_or(Code::MalformedOpening)?))
}
