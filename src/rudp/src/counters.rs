//! What was dropped or refused, one plain counter per reason.

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $field:ident,)+) => {
        /// Everything an endpoint counts; all start at 0 and only rise.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $field: u64,)+
        }

        impl Counters {
            /// Name and value of every counter, in the order of declaration; the names are stable.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field)),+].into_iter()
            }
        }
    };
}

counters! {
    /// Datagrams handed in.
    datagrams_in,
    /// Bytes of those datagrams, UDP payload only.
    bytes_in,
    /// Datagrams handed out.
    datagrams_out,
    /// Bytes of those datagrams, UDP payload only.
    bytes_out,

    /// Sealed datagram of impossible length.
    drop_length,
    /// Packet type above 7.
    drop_kind,
    /// Packet type that only the other side receives.
    drop_role,
    /// Sequence length not 1 to 8.
    drop_sequence_bytes,
    /// From an address that has neither a connection nor, for a response, a pending request.
    drop_unknown_address,
    /// Of a session that has no more room in its datagram bucket.
    drop_address_rate,
    /// Unopened, because the address has sent too many packets that do not open and this one is not near the newest.
    drop_after_failures,
    /// Accepted before.
    drop_repeated,
    /// Below the replay window.
    drop_stale,
    /// Did not open: forged, damaged, or sealed for a session that has been replaced.
    drop_seal,
    /// Opened, but of the wrong size for its type.
    drop_body_size,
    /// Opened, but above 120 packets a second of one session.
    drop_session_rate,
    /// Opened, but its content was malformed.
    payload_malformed,
    /// Opened before the hello was accepted, and neither a hello nor a close.
    payload_unspoken,
    /// Of a type or content that the state of the session has no use for (a payload before the connection, say).
    drop_state,

    /// Requests handed in.
    requests_in,
    /// Request not of 1,078 bytes.
    request_length,
    /// Request of another version of the standard.
    request_version,
    /// Request for another protocol id.
    request_protocol_id,
    /// Request whose token has expired.
    request_expired,
    /// Request whose token expires later than any token minted by now can.
    request_expires_too_late,
    /// Request whose token may have been used before this server started.
    request_restart,
    /// Request that is byte for byte one that failed to open.
    request_known_bad,
    /// Request beyond the limit of its address (10/s).
    request_address_rate,
    /// Request beyond the limit of its network (1,000/s).
    request_network_rate,
    /// Request beyond its network's share of what all may ask.
    request_share,
    /// Request beyond the limit of all (20,000/s).
    request_total_rate,
    /// Request whose token does not open.
    request_seal,
    /// Request whose token opens but is malformed.
    request_malformed,
    /// Request whose token never times out.
    request_endless_timeout,
    /// Request whose token does not name this server.
    request_foreign_server,
    /// Request whose token was used for a session.
    request_consumed,
    /// Request whose expiry lies before that of a token already forgotten: the wall clock went back.
    request_forgotten,
    /// Request from an address that has a connection (takeover off).
    request_address_connected,
    /// Request of a client that has a connection (takeover off).
    request_client_connected,
    /// Request with an older token than the one pending at its address.
    request_older_token,
    /// Request of a token that is pending at 4 addresses, all of which answered.
    request_token_addresses,
    /// Request while the table of pending requests is full.
    request_pending_full,
    /// Request while the history of tokens is full.
    request_history_full,
    /// Requests that were answered with a challenge or a denial.
    requests_admitted,
    /// Pending requests that made room for a newer one.
    pending_displaced,
    /// Pending requests that no valid response completed in time.
    pending_expired,

    /// Responses handed in for a pending request.
    responses_in,
    /// Response beyond the limit of its address (10/s), unopened.
    response_address_rate,
    /// Response beyond the limit of its network (1,000/s), unopened.
    response_network_rate,
    /// Response that did not open under the pending key, or whose challenge did not.
    response_seal,
    /// Response to a challenge made for another request.
    response_foreign,
    /// Response more than 5 s after its challenge.
    response_late,
    /// Of a token that expired, or was consumed, between its request and its response.
    response_expired,
    /// Response of a client that has a connection (takeover off), or with an older or equal token.
    response_not_newer,
    /// Response for which there was no free slot.
    response_server_full,

    /// Challenges sent.
    challenges_out,
    /// Denials sent.
    denials_out,
    /// Sessions that began.
    sessions_started,
    /// Sessions that ended, for whatever reason.
    sessions_ended,
    /// Sessions that were replaced by a newer one of the same client or address.
    sessions_taken_over,
    /// Path packet whose id names no session.
    path_unknown,
    /// Path packet from a new address that is not the newest of its session.
    path_late,
    /// Path packet from the address of another session that is alive.
    path_address_taken,
    /// Times a session moved to another address.
    sessions_moved,
    /// Times a session fell silent.
    sessions_silent,
    /// Times a silent session was heard again.
    sessions_resumed,
    /// Sends refused because all connections together had as much queued as the server allows.
    sends_over_all_queues,
    /// Sessions ended because the peer broke the rules inside them.
    sessions_misbehaved,
    /// Hellos refused.
    hellos_refused,
    /// Calls that came more than 1 s late: deadlines were extended.
    stalls,
}

impl Counters {
    pub(crate) fn on_received(&mut self, bytes: usize) {
        self.datagrams_in += 1;
        self.bytes_in += bytes as u64;
    }

    pub(crate) fn on_sent(&mut self, bytes: usize) {
        self.datagrams_out += 1;
        self.bytes_out += bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_listed_by_name() {
        let counters = Counters { request_seal: 3, ..Counters::default() };
        assert!(counters.iter().any(|(name, value)| name == "request_seal" && value == 3));
        assert_eq!(counters.iter().filter(|(_, value)| *value != 0).count(), 1);
    }
}
