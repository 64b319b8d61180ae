//! Failures, each named once.

use postern_gateway::{Destination, IntegrationFailure, IntegrationFailureKind};

/// A failure of a call to a destination, with its reason for an operator.
pub(crate) fn failure(
    kind: IntegrationFailureKind,
    destination: &Destination,
    reason: impl std::fmt::Display,
) -> IntegrationFailure {
    IntegrationFailure { kind, reason: format!("`{}`: {reason}", destination.name).into() }
}
