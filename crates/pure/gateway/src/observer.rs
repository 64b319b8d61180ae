//! Who watches a walk.

use crate::Refusal;

/// Watches a walk. The data plane watches nothing: [`Observer`] for `()` compiles to nothing.
pub trait Observer {
    /// A step of the walk is done.
    fn step(&mut self, step: Step<'_>);
}

/// A step that was done, in the order of the walk.
#[derive(Debug)]
pub enum Step<'s> {
    /// The API and the stage are known.
    Located {
        /// The API's id.
        api: &'s str,
        /// The stage's name.
        stage: &'s str,
    },
    /// The method is known.
    Matched {
        /// The resource's path template.
        resource: &'s str,
        /// The verb that was asked for.
        verb: &'s str,
    },
    /// The caller may call the method.
    Authorized,
    /// Key, throttles and quota let the request through.
    Admitted,
    /// Parameters and body are as the method asks for them.
    Validated,
    /// The request is not served.
    Refused(&'s Refusal),
}

impl Observer for () {
    fn step(&mut self, _: Step<'_>) {}
}
