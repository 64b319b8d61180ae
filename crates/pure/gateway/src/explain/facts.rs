//! What is known of a request when its gates are told: left behind by a walk, or kept of a denial.

use postern_policy::Explanation;

use super::{MappedCall, Question};
use crate::{
    Arrival, BodyLength, Connection, Entrance, Gate, Now, PolicyLayer, PolicyStep, Refusal, Snapshot,
    authorization::Authenticated,
    routing::{Located, Matched},
    usage::Usage,
};

/// What gates are told from. What stands here is what was come to.
pub(super) struct Facts<'f> {
    pub(super) house: &'f Snapshot,
    pub(super) connection: &'f Connection,
    /// Who comes, and by which door; absent where there is none any more.
    pub(super) entrance: Option<&'f Entrance>,
    pub(super) door: Option<&'f Entrance>,
    /// What the client asked for in its handshake, as far as that is known.
    pub(super) server_name: Option<&'f str>,
    pub(super) arrival: Option<&'f Arrival<'f>>,
    pub(super) located: Option<Located<'f>>,
    pub(super) matched: Option<Matched<'f>>,
    pub(super) authenticated: Authenticated<'f>,
    /// The policies that were asked, in their order.
    pub(super) policies: Vec<AskedPolicy>,
    pub(super) usage: Option<Usage>,
    pub(super) body_length: BodyLength,
    /// The gate that refused, and why.
    pub(super) failed: Option<(Gate, String)>,
    /// The gate at which the walk ended, since what it calls was not called.
    pub(super) ended_at: Option<Gate>,
    /// The refusal of a walk.
    pub(super) refusal: Option<&'f Refusal>,
    pub(super) call: Option<MappedCall>,
    /// When buckets and quotas are read; absent: they are not, since others have taken from them since.
    pub(super) levels_at: Option<Now>,
}

impl<'f> Facts<'f> {
    /// Before there is a request.
    pub(super) fn of_connection(
        house: &'f Snapshot,
        question: &Question<'f>,
        connection: &'f Connection,
    ) -> Self {
        Self {
            house,
            connection,
            entrance: Some(question.entrance),
            door: Some(question.door),
            server_name: question.tls.and_then(|hello| hello.server_name),
            arrival: None,
            located: None,
            matched: None,
            authenticated: Authenticated::nobody(),
            policies: Vec::new(),
            usage: None,
            body_length: BodyLength::None,
            failed: None,
            ended_at: None,
            refusal: None,
            call: None,
            levels_at: Some(question.now),
        }
    }
}

/// A policy that was asked, and why it said what it did.
pub(super) struct AskedPolicy {
    pub(super) layer: PolicyLayer,
    /// What it was asked about.
    pub(super) resource: String,
    /// Who called, as far as this policy is concerned.
    pub(super) caller: String,
    pub(super) explanation: Explanation,
}

impl AskedPolicy {
    pub(super) fn of(step: &PolicyStep<'_>) -> Self {
        Self {
            layer: step.layer(),
            resource: step.resource(),
            caller: step.caller().to_owned(),
            explanation: step.explain(),
        }
    }
}

/// Who watches which policies are asked, and nothing else.
#[derive(Default)]
pub(super) struct Asked(pub(super) Vec<AskedPolicy>);

impl crate::Observer for Asked {
    fn at(&mut self, _: Gate) {}

    fn asked(&mut self, policy: &PolicyStep<'_>) {
        self.0.push(AskedPolicy::of(policy));
    }
}
