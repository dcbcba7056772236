//! Who does what with a draft: each step is permitted by the role table, and refusals are recorded.

use anyhow::{Context as _, bail};
use jiff::Timestamp;

use super::super::secrets::SecretInput;
use super::super::{Context, account, casebook};
use crate::casebook::{Act, Actor};
use crate::laboratory::NOBODY;

use super::packs::data_dir;

/// Signs in somebody who may do this.
pub(super) fn signed_in(
    user: &str,
    act: Act,
    secrets: &mut SecretInput,
    context: &Context,
) -> Result<Actor, anyhow::Error> {
    let mut book = casebook::existing(context).context(
        "accounts are enrolled in the casebook of this data folder: 'parcelscope account enrol NAME --role administrator' begins",
    )?;
    let actor = account::sign_in(&mut book, user, secrets)?;
    book.permit(Timestamp::now(), &actor, act, None)?;
    Ok(actor)
}

/// Who brings spectra of others in. While no account is enrolled nobody needs to sign in, and nobody can approve.
pub(super) fn author(user: Option<&str>, act: Act, context: &Context) -> Result<String, anyhow::Error> {
    author_with(user, act, &mut SecretInput::new(), context)
}

/// The same where more lines of standard input follow.
pub(super) fn author_with(
    user: Option<&str>,
    act: Act,
    secrets: &mut SecretInput,
    context: &Context,
) -> Result<String, anyhow::Error> {
    match user {
        Some(user) => Ok(signed_in(user, act, secrets, context)?.name().to_owned()),
        // A folder that is not there yet has no accounts.
        None if !data_dir(context)?.exists() => Ok(NOBODY.to_owned()),
        None => match casebook::open(context)? {
            Some(book) if book.has_accounts()? => {
                bail!("accounts are enrolled here: give --user NAME, and the secret on standard input")
            }
            _ => Ok(NOBODY.to_owned()),
        },
    }
}
