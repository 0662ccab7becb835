//! Nothing of a player is kept any more.

use super::{Hot, keys};
use ::redis::cmd;
use protocol::CharacterId;
use server::StoreError;

impl Hot {
    /// Deletes all keys of these players, whoever wrote them.
    ///
    /// # Errors
    /// The store's: some of them may be there.
    pub async fn forget(&mut self, characters: &[CharacterId]) -> Result<(), StoreError> {
        let command = |character: &CharacterId| {
            let mut delete = cmd("DEL");
            for key in [keys::checkpoint, keys::session, keys::ticket, keys::lease] {
                delete.arg(key(*character));
            }
            delete
        };
        self.ask_each(characters.iter().map(command).collect()).await?.into_iter().try_for_each(|done| done.map(drop))
    }
}
