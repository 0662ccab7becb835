//! What a game engine asks a client, frame by frame.

use crate::Client;
use crate::screen::{OwnShown, Screen, ScreenStats, Shown};
use protocol::Tick;
use protocol::motion::StaticMap;
use rudp::time::Now;
use std::sync::Arc;

impl Client {
    /// From now on this client can show the world smoothly; to be called before the first datagram comes in. Others are
    /// shown a little late and between the states told of them, and one's own body is predicted on `map`: where the map
    /// is not the server's, collisions are found out late and corrected. Costs about 2 KiB for each entity in view.
    pub fn enable_screen(&mut self, map: Arc<StaticMap>) {
        self.screen = Some(Box::new(Screen::new(map)));
    }

    /// Whether the input of the next client tick is due: then [`Client::push_input`] wants it. To be asked until it says
    /// no. Sixty times a second, up to 3 % oftener or rarer as the server's buffer asks. Never without a screen.
    pub fn poll_input_due(&mut self, now: Now) -> bool {
        self.screen.as_mut().is_some_and(|screen| screen.poll_input(now.mono_ns))
    }

    /// When [`Client::poll_input_due`] says yes next, in nanoseconds of the monotonic clock; none before it was asked once.
    #[must_use]
    pub fn input_due_ns(&self) -> Option<u64> {
        self.screen.as_ref()?.input_due_ns()
    }

    /// Everybody else in a frame that is drawn now, by net id. Who leaves is shown until the moment in which he left.
    pub fn view(&mut self, now: Now) -> impl Iterator<Item = Shown> {
        self.screen.as_mut().into_iter().flat_map(move |screen| screen.others(now.mono_ns))
    }

    /// Oneself in a frame that is drawn now, once the server has told anything.
    pub fn own_view(&mut self, now: Now) -> Option<OwnShown> {
        self.screen.as_mut()?.own(now.mono_ns)
    }

    /// The server's tick, in fractions: that of a snapshot which comes in just now on the path at its best.
    #[must_use]
    pub fn server_tick(&self, now: Now) -> Option<f64> {
        let clock = self.screen.as_ref()?.clock();
        clock.is_running().then(|| clock.server_tick(now.mono_ns))
    }

    /// The moment, in ticks, at which those are shown now who are told every tick; as of the last frame's pace.
    #[must_use]
    pub fn render_tick(&self, now: Now) -> Option<f64> {
        let clock = self.screen.as_ref()?.clock();
        clock.is_running().then(|| clock.render_tick(now.mono_ns, 0))
    }

    /// The tick in which the server will use the next input, as far as one can tell.
    #[must_use]
    pub fn input_tick(&self) -> Option<Tick> {
        self.screen.as_ref()?.input_tick()
    }

    /// Figures of what was shown.
    #[must_use]
    pub fn screen_stats(&self) -> Option<&ScreenStats> {
        self.screen.as_ref().map(|screen| screen.stats())
    }
}
