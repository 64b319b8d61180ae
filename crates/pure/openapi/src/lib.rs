//! OpenAPI 3.0 and Swagger 2.0 definitions.
//!
//! **For:** importing a definition, in JSON or YAML and with API Gateway's extensions, to the model;
//! telling what of it is refused, ignored, doubtful, or not served yet, each with its place.
//! **Never enters:** settings of the gateway; files and the network: it is given text.
//! **Comes in:** text and [`ImportOptions`]. **Goes out:** [`Imported`].
//! **Read first:** `import.rs`, then `extension/table.rs` and `report.rs`.

mod base_path;
mod context;
mod dialect;
mod extension;
mod import;
mod lint;
mod mapping;
mod model;
mod operation;
mod options;
mod parameter;
mod path;
mod placeholder;
mod reference;
mod report;
mod security;
mod template;

pub use base_path::BasePathMode;
pub use import::{Imported, import};
pub use options::{ApiIdentity, ImportOptions, RootSecurity};
