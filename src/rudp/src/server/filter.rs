//! The request filter: cheap questions first, so that junk costs nanoseconds and never a cipher. spec: LIF-4
//!
//! A request with a plausible header costs one XChaCha20-Poly1305 open of 1,008 bytes. What stands before it neither
//! allocates nor keeps anything per address beyond fixed tables.
use super::config::{Network, RequestLimits};
use crate::bucket::BucketTable;
use crate::counters::Counters;
use crate::outer::RequestHeader;
use crate::time::Now;
use crate::token::VERSION;
use std::net::IpAddr;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Buckets for single addresses: 512 KiB. To starve one of them by collision an attacker has to fill all of them, which
/// the limit over all requests (20,000/s) forbids.
const ADDRESS_BUCKETS: usize = 1 << 16;
/// Buckets for networks: 128 KiB.
const NETWORK_BUCKETS: usize = 1 << 14;
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
    addresses: BucketTable,
    networks: BucketTable,
    total_rate: crate::bucket::Rate,
    total: u64,
    fingerprint_seed: u64,
    known_bad: Box<[u64]>,
}

/// Names one request byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

impl RequestFilter {
    pub(super) fn new(config: &super::ServerConfig, now: Now, seeds: [u64; 3]) -> Self {
        let RequestLimits { per_address, per_network, total, exempt } = config.requests.clone();
        let horizon_s = config.token_lifetime_s + config.skew_s;
        Self {
            protocol_id: config.protocol_id,
            horizon_s,
            restart_expire_s: now.unix_s.saturating_add(horizon_s),
            is_test_mode: config.test_mode,
            exempt,
            addresses: BucketTable::new(per_address, ADDRESS_BUCKETS, seeds[0]),
            networks: BucketTable::new(per_network, NETWORK_BUCKETS, seeds[1]),
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

    fn judge_rate(&mut self, mono_ns: u64, from: IpAddr) -> Result<(), Refusal> {
        if self.exempt.iter().any(|network| network.contains(from)) {
            return Ok(());
        }
        let (address, network) = match from {
            IpAddr::V4(v4) => ((false, u64::from(v4.to_bits())), (false, u64::from(v4.to_bits() >> 8))),
            IpAddr::V6(v6) => ((true, (v6.to_bits() >> 64) as u64), (true, (v6.to_bits() >> 80) as u64)),
        };
        if !self.addresses.admit(address, mono_ns) {
            return Err(Refusal::AddressRate);
        }
        if !self.networks.admit(network, mono_ns) {
            return Err(Refusal::NetworkRate);
        }
        if !self.total_rate.admit(&mut self.total, mono_ns) {
            return Err(Refusal::TotalRate);
        }
        Ok(())
    }

    fn known_bad_place(&self, fingerprint: Fingerprint) -> usize {
        fingerprint.0 as usize & (self.known_bad.len() - 1)
    }
}
