//! New content on its way from whoever reads it to the world.

use crate::config::WorldSource;
use game::content::Content;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Content, and where it was read from.
pub type Sourced = (Arc<Content>, Arc<WorldSource>);

/// The content in force, and that which the world has not taken yet.
pub struct Shelf {
    /// What the next one must follow: the newest that was put here.
    newest: Mutex<Arc<Content>>,
    next: Mutex<Option<Sourced>>,
    /// Spares the world a lock per tick.
    is_new: AtomicBool,
}

impl Shelf {
    /// With the content that the world begins with.
    pub fn new(content: Arc<Content>) -> Self {
        Self { newest: Mutex::new(content), next: Mutex::default(), is_new: AtomicBool::new(false) }
    }

    /// The newest.
    pub fn newest(&self) -> Arc<Content> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts content there that follows the newest; the world takes it with its next tick.
    pub fn put(&self, content: Arc<Content>, source: Arc<WorldSource>) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = content.clone();
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some((content, source));
        self.is_new.store(true, Ordering::Release);
    }

    /// What has been put there since the last call.
    pub fn take(&self) -> Option<Sourced> {
        if !self.is_new.load(Ordering::Relaxed) || !self.is_new.swap(false, Ordering::Acquire) {
            return None;
        }
        self.next.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_that_were_put_there_the_world_takes_the_newer_once() {
        let shelf = Shelf::new(Arc::default());
        assert!(shelf.take().is_none());
        let (one, two) = (Arc::new(Content::default()), Arc::new(Content::default()));
        shelf.put(one, Arc::default());
        shelf.put(two.clone(), Arc::default());
        assert!(Arc::ptr_eq(&shelf.newest(), &two));
        assert!(shelf.take().is_some_and(|(taken, _)| Arc::ptr_eq(&taken, &two)));
        assert!(shelf.take().is_none());
    }
}
