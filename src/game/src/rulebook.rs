//! The content that a game is played by.

use crate::content::Content;
use bevy_ecs::prelude::Resource;
use std::sync::Arc;

/// The content in force. It is changed between two ticks only, by one that follows it ([`crate::Game::set_content`]).
#[derive(Clone, Debug, Resource)]
pub(crate) struct Rulebook(pub(crate) Arc<Content>);
