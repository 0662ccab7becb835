//! The request filter: cheap questions first, so that junk costs nanoseconds and never a cipher. spec: LIF-4
//!
//! A request with a plausible header costs one XChaCha20-Poly1305 open of 1,008 bytes. What stands before it neither
//! allocates nor keeps anything per address beyond fixed tables.
use super::config::{Network, RequestLimits};
use super::origin::{Crowded, OriginRates, Prefix};
use super::share::FairShare;
use crate::counters::Counters;
use crate::outer::RequestHeader;
use crate::time::Now;
use crate::token::VERSION;
use std::net::IpAddr;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Fingerprints of requests that failed to open, 64 KiB, the newest wins its place.
const KNOWN_BAD: usize = 1 << 13;

/// Why a request went no further. Each has its own counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Version,
    ProtocolId,
    Expired,
    ExpiresTooLate,
    Restart,
    KnownBad,
    AddressRate,
    NetworkRate,
    Share,
    TotalRate,
    Seal,
    Malformed,
    EndlessTimeout,
    ForeignServer,
    Consumed,
    Forgotten,
    AddressConnected,
    ClientConnected,
    OlderToken,
    TokenAddresses,
    PendingFull,
    HistoryFull,
}

impl Refusal {
    pub(super) fn count(self, counters: &mut Counters) {
        let counter = match self {
            Self::Version => &mut counters.request_version,
            Self::ProtocolId => &mut counters.request_protocol_id,
            Self::Expired => &mut counters.request_expired,
            Self::ExpiresTooLate => &mut counters.request_expires_too_late,
            Self::Restart => &mut counters.request_restart,
            Self::KnownBad => &mut counters.request_known_bad,
            Self::AddressRate => &mut counters.request_address_rate,
            Self::NetworkRate => &mut counters.request_network_rate,
            Self::Share => &mut counters.request_share,
            Self::TotalRate => &mut counters.request_total_rate,
            Self::Seal => &mut counters.request_seal,
            Self::Malformed => &mut counters.request_malformed,
            Self::EndlessTimeout => &mut counters.request_endless_timeout,
            Self::ForeignServer => &mut counters.request_foreign_server,
            Self::Consumed => &mut counters.request_consumed,
            Self::Forgotten => &mut counters.request_forgotten,
            Self::AddressConnected => &mut counters.request_address_connected,
            Self::ClientConnected => &mut counters.request_client_connected,
            Self::OlderToken => &mut counters.request_older_token,
            Self::TokenAddresses => &mut counters.request_token_addresses,
            Self::PendingFull => &mut counters.request_pending_full,
            Self::HistoryFull => &mut counters.request_history_full,
        };
        *counter += 1;
    }
}

pub(super) struct RequestFilter {
    protocol_id: u64,
    /// Longest life of a token plus the clock allowance, seconds.
    horizon_s: u64,
    /// Tokens that expire up to here may have been used before this server started.
    restart_expire_s: u64,
    is_test_mode: bool,
    exempt: Vec<Network>,
    requests: OriginRates,
    responses: OriginRates,
    share: FairShare,
    total_rate: crate::bucket::Rate,
    total: u64,
    fingerprint_seed: u64,
    known_bad: Box<[u64]>,
}

/// Names one request byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

impl RequestFilter {
    pub(super) fn new(config: &super::ServerConfig, now: Now, seeds: [u64; 6]) -> Self {
        let RequestLimits { per_address, per_network, total, exempt } = config.requests.clone();
        let horizon_s = config.token_lifetime_s + config.skew_s;
        Self {
            protocol_id: config.protocol_id,
            horizon_s,
            restart_expire_s: now.unix_s.saturating_add(horizon_s),
            is_test_mode: config.test_mode,
            exempt,
            requests: OriginRates::new(per_address, per_network, [seeds[0], seeds[1]]),
            responses: OriginRates::new(per_address, per_network, [seeds[3], seeds[4]]),
            share: FairShare::new(total, seeds[5]),
            total_rate: total,
            total: 0,
            fingerprint_seed: seeds[2],
            known_bad: vec![0; KNOWN_BAD].into(),
        }
    }

    /// The first expiry, unix seconds, that the restart rule lets in. spec: LIF-5
    pub(super) fn first_admissible_expiry(&self) -> u64 {
        self.restart_expire_s.saturating_add(1)
    }

    /// The fingerprint covers the whole request, not the tag alone: a forger who copies the tag of an honest request
    /// onto junk must not make us refuse the honest one.
    pub(super) fn fingerprint(&self, datagram: &[u8]) -> Fingerprint {
        // 0 marks an empty place.
        Fingerprint(xxh3_64_with_seed(datagram, self.fingerprint_seed).max(1))
    }

    /// Every test that needs no cipher, cheapest first.
    pub(super) fn judge(
        &mut self,
        now: Now,
        from: IpAddr,
        header: &RequestHeader,
        fingerprint: impl FnOnce(&Self) -> Fingerprint,
    ) -> Result<Fingerprint, Refusal> {
        if header.version != VERSION {
            return Err(Refusal::Version);
        }
        if header.protocol_id != self.protocol_id {
            return Err(Refusal::ProtocolId);
        }
        if header.expire_unix_s <= now.unix_s {
            return Err(Refusal::Expired);
        }
        if header.expire_unix_s > now.unix_s.saturating_add(self.horizon_s) && !self.is_test_mode {
            return Err(Refusal::ExpiresTooLate);
        }
        // The standard refuses expire < start + lifetime. A token minted and used in the very second in which the
        // server then restarts expires at start + lifetime exactly, and its keys would be used twice: one more second.
        if header.expire_unix_s <= self.restart_expire_s {
            return Err(Refusal::Restart);
        }
        let fingerprint = fingerprint(self);
        if self.known_bad[self.known_bad_place(fingerprint)] == fingerprint.0 {
            return Err(Refusal::KnownBad);
        }
        self.judge_rate(now.mono_ns, from)?;
        Ok(fingerprint)
    }

    /// Remembers a request that did not open.
    pub(super) fn on_failed_open(&mut self, fingerprint: Fingerprint) {
        self.known_bad[self.known_bad_place(fingerprint)] = fingerprint.0;
    }

    /// The keys have changed: nothing is known to be bad under the new ones.
    pub(super) fn forget_known_bad(&mut self) {
        self.known_bad.fill(0);
    }

    /// A response costs an open under the key of a pending request: it has the same limits as a request, in buckets of
    /// its own, so that nobody's requests use up what his response needs.
    pub(super) fn judge_response(&mut self, mono_ns: u64, from: IpAddr) -> Result<(), Crowded> {
        if self.is_exempt(from) { Ok(()) } else { self.responses.judge(from, mono_ns) }
    }

    fn judge_rate(&mut self, mono_ns: u64, from: IpAddr) -> Result<(), Refusal> {
        if self.is_exempt(from) {
            return Ok(());
        }
        self.requests.judge(from, mono_ns).map_err(|crowded| match crowded {
            Crowded::Address => Refusal::AddressRate,
            Crowded::Network => Refusal::NetworkRate,
        })?;
        if !self.share.admit(Prefix::network(from), mono_ns) {
            return Err(Refusal::Share);
        }
        if !self.total_rate.admit(&mut self.total, mono_ns) {
            return Err(Refusal::TotalRate);
        }
        Ok(())
    }

    fn is_exempt(&self, from: IpAddr) -> bool {
        self.exempt.iter().any(|network| network.contains(from))
    }

    fn known_bad_place(&self, fingerprint: Fingerprint) -> usize {
        fingerprint.0 as usize & (self.known_bad.len() - 1)
    }
}
