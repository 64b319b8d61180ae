//! Every limit: one table with its name in the file, default, range and meaning.
//!
//! The defaults are those of Amazon API Gateway where it has one, else chosen so that hostile input
//! meets a wall. A limit that is not in this table does not exist; a key under `limits:` that is not
//! in it is refused.

macro_rules! limits {
    ($($(#[doc = $doc:literal])* $field:ident, $name:literal, $default:expr, $range:expr, $unit:literal;)*) => {
        /// Every limit of one gateway.
        ///
        /// ```
        /// use postern_model::Limits;
        ///
        /// let mut limits = Limits::default();
        /// assert_eq!(limits.payload_bytes, 10_485_760);
        /// assert_eq!(limits.set("payloadBytes", 1_024), Ok(()));
        /// assert_eq!(limits.payload_bytes, 1_024);
        /// assert!(limits.set("payloadBytes", u64::MAX).is_err());
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $doc])* pub $field: u64,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Limits {
            /// Sets a limit by its name in the file. The error is the row where the value is outside its
            /// range, or `None` where no limit has that name.
            pub fn set(&mut self, name: &str, value: u64) -> Result<(), Option<&'static LimitRow>> {
                let row = LIMITS.iter().find(|row| row.name == name).ok_or(None)?;
                if !(row.least..=row.most).contains(&value) {
                    return Err(Some(row));
                }
                match name {
                    $($name => self.$field = value,)*
                    _ => return Err(None),
                }
                Ok(())
            }
        }

        /// The table of limits, in the order of the hardening page.
        pub const LIMITS: &[LimitRow] = &[
            $(LimitRow {
                name: $name,
                default: $default,
                least: *$range.start(),
                most: *$range.end(),
                unit: $unit,
                meaning: concat!($($doc),*),
            },)*
        ];
    };
}

/// One row of the table of limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitRow {
    /// The key under `limits:`.
    pub name: &'static str,
    /// What holds where the file says nothing.
    pub default: u64,
    /// The least that may be set.
    pub least: u64,
    /// The most that may be set.
    pub most: u64,
    /// `bytes`, `seconds` or a plural of what is counted.
    pub unit: &'static str,
    /// What it bounds and what happens beyond it.
    pub meaning: &'static str,
}

limits! {
    /// Bytes of a request target; 414 beyond. Public listeners have 10,240 where nothing is set.
    request_line_bytes, "requestLineBytes", 8_192, 64..=65_536, "bytes";
    /// Sum of `name: value CRLF` over all header lines; 431 beyond. Public listeners have 10,240 where nothing is set.
    head_bytes, "headBytes", 8_000, 256..=65_536, "bytes";
    /// Bytes of a head that are read before giving up; 431 beyond. Public listeners have 24,576 where nothing is set.
    raw_head_bytes, "rawHeadBytes", 16_384, 1_024..=131_072, "bytes";
    /// Header lines of a request; 431 beyond.
    header_fields, "headerFields", 100, 8..=1_000, "fields";
    /// Bytes of one header name; 431 beyond.
    header_name_bytes, "headerNameBytes", 256, 16..=4_096, "bytes";
    /// Segments of a path; 414 beyond.
    path_segments, "pathSegments", 128, 4..=1_024, "segments";
    /// Parameters of a query string; 400 beyond.
    query_parameters, "queryParameters", 256, 1..=4_096, "parameters";
    /// Bytes of a body, either way; 413 or 502 beyond.
    payload_bytes, "payloadBytes", 10_485_760, 0..=1_073_741_824, "bytes";
    /// Bytes of a method ARN; 414 beyond.
    method_arn_bytes, "methodArnBytes", 1_600, 128..=16_384, "bytes";
    /// Bytes of the extensions on one chunk line; 400 beyond.
    chunk_extension_bytes, "chunkExtensionBytes", 1_024, 0..=16_384, "bytes";
    /// Bytes of the chunk extensions in one body; 400 beyond.
    chunk_extension_total_bytes, "chunkExtensionTotalBytes", 16_384, 0..=1_048_576, "bytes";
    /// Connections of the process; accepting pauses beyond.
    connections, "connections", 20_000, 1..=1_000_000, "connections";
    /// Connections of one listener; accepting pauses beyond.
    connections_per_listener, "connectionsPerListener", 20_000, 1..=1_000_000, "connections";
    /// Connections of one peer address, or of one VPC endpoint behind load balancers; reset beyond.
    connections_per_peer, "connectionsPerPeer", 10_000, 1..=1_000_000, "connections";
    /// New connections in one second; accepting pauses beyond.
    accepts_per_second, "acceptsPerSecond", 20_000, 1..=10_000_000, "connections";
    /// From accept to the first byte of a request; the connection is aborted beyond.
    first_byte_seconds, "firstByteSeconds", 5, 1..=3_600, "seconds";
    /// From the first byte of a head to its last; 408 beyond.
    head_seconds, "headSeconds", 10, 1..=3_600, "seconds";
    /// Between two pieces of a body; 408 beyond.
    body_idle_seconds, "bodyIdleSeconds", 10, 1..=3_600, "seconds";
    /// Least average of a body after ten seconds; 408 below.
    body_bytes_per_second, "bodyBytesPerSecond", 500, 0..=1_048_576, "bytes a second";
    /// From the first byte of a request to the last of its body; 408 beyond.
    request_seconds, "requestSeconds", 60, 1..=3_600, "seconds";
    /// While a client takes no byte of an answer; the connection is aborted beyond.
    write_stall_seconds, "writeStallSeconds", 10, 1..=3_600, "seconds";
    /// While an HTTP/1.1 connection is idle; closed beyond.
    idle_seconds, "idleSeconds", 310, 1..=86_400, "seconds";
    /// While an HTTP/2 connection is idle; GOAWAY beyond.
    h2_idle_seconds, "h2IdleSeconds", 310, 1..=86_400, "seconds";
    /// Requests on one connection; closed after the answer beyond.
    requests_per_connection, "requestsPerConnection", u64::MAX, 1..=u64::MAX, "requests";
    /// Age of a connection, with 10 % jitter; closed after the answer beyond.
    connection_age_seconds, "connectionAgeSeconds", 3_600, 1..=604_800, "seconds";
    /// For a TLS handshake; the connection is aborted beyond.
    handshake_seconds, "handshakeSeconds", 5, 1..=300, "seconds";
    /// TLS handshakes in flight; accepting pauses beyond.
    handshakes, "handshakes", 1_000, 1..=100_000, "handshakes";
    /// For a whole PROXY header, from accept on; the connection is aborted beyond.
    proxy_header_seconds, "proxyHeaderSeconds", 3, 1..=60, "seconds";
    /// Bytes of a PROXY header behind its first sixteen; the connection is aborted beyond.
    proxy_header_bytes, "proxyHeaderBytes", 4_096, 256..=65_535, "bytes";
    /// HTTP/2 streams at once on one connection; REFUSED_STREAM beyond.
    h2_streams, "h2Streams", 100, 1..=10_000, "streams";
    /// HTTP/2 flow-control window of a stream.
    h2_stream_window, "h2StreamWindow", 65_536, 65_535..=16_777_216, "bytes";
    /// HTTP/2 flow-control window of a connection.
    h2_connection_window, "h2ConnectionWindow", 1_048_576, 65_535..=67_108_864, "bytes";
    /// HTTP/2 frame size.
    h2_frame_bytes, "h2FrameBytes", 16_384, 16_384..=16_777_215, "bytes";
    /// HTTP/2 header list, decoded; 431 beyond.
    h2_header_list_bytes, "h2HeaderListBytes", 16_384, 1_024..=1_048_576, "bytes";
    /// HTTP/2 resets that wait for their stream to end; GOAWAY beyond.
    h2_resets_pending, "h2ResetsPending", 200, 1..=10_000, "resets";
    /// HTTP/2 resets by a client in one second; GOAWAY beyond.
    h2_resets_per_second, "h2ResetsPerSecond", 100, 1..=100_000, "resets";
    /// HTTP/2 frames in ten seconds that carry no request; GOAWAY beyond. A frame that does pays for two.
    h2_control_frames, "h2ControlFrames", 1_000, 10..=1_000_000, "frames";
    /// Requests in flight in the process; 503 beyond.
    requests_in_flight, "requestsInFlight", 10_000, 1..=1_000_000, "requests";
    /// Connections to one backend from one worker; a call waits beyond.
    backend_connections, "backendConnections", 512, 1..=65_536, "connections";
    /// Calls that wait for a connection to one backend; 503 beyond.
    backend_pending, "backendPending", 1_024, 0..=1_000_000, "calls";
    /// For a connection to a backend; 504 beyond.
    connect_seconds, "connectSeconds", 2, 1..=60, "seconds";
    /// From SIGTERM until the listeners close: readiness is off already.
    drain_wait_seconds, "drainWaitSeconds", 5, 0..=300, "seconds";
    /// From then until what is left is aborted.
    drain_seconds, "drainSeconds", 35, 0..=3_600, "seconds";
    /// For the function of a Lambda authorizer; 500 beyond.
    authorizer_seconds, "authorizerSeconds", 10, 1..=29, "seconds";
    /// Bytes of a mapping template; refused at load beyond.
    template_bytes, "templateBytes", 307_200, 1..=16_777_216, "bytes";
    /// Bytes that a template may write; 500 beyond.
    template_output_bytes, "templateOutputBytes", 10_485_760, 1..=1_073_741_824, "bytes";
    /// Rounds of one `#foreach`; 500 beyond.
    template_loop, "templateLoop", 1_000, 1..=1_000_000, "rounds";
    /// Nodes that one rendering may evaluate; 500 beyond.
    template_steps, "templateSteps", 1_000_000, 1..=1_000_000_000, "steps";
    /// Nesting of directives and calls in one template; 500 beyond.
    template_depth, "templateDepth", 20, 1..=100, "levels";
}
