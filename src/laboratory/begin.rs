//! A new draft.

use jiff::Timestamp;

use crate::library::Library;
use crate::library::pack::{PackContent, PackError, PackVersion};

/// A draft of the next version of what is in use. `name` none keeps the name, so that units take it as an update; `empty`
/// begins without substances and references, with the groups of what is in use. What was said about the earlier version
/// does not hold for this one and is left out; licence texts travel along.
pub fn begin(
    mut used: PackContent,
    name: Option<&str>,
    version: &str,
    empty: bool,
    now: Timestamp,
) -> Result<PackContent, PackError> {
    PackVersion::parse(version)?;
    if empty {
        let Library { identity, groups, .. } = used.library;
        used.library = Library::from_parts(&identity.name, &identity.version, groups, vec![], vec![], vec![])?;
        used.documents.clear();
        used.approvals.clear();
    }
    let name = name.map_or_else(|| used.library.identity.name.clone(), str::to_owned);
    used.library = used.library.renamed(&name, version);
    used.made_at = now;
    used.documents.retain(|name, _| name.starts_with("LICENSES/"));
    Ok(used)
}
