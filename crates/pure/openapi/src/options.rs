//! How a definition is imported.

use std::str::FromStr;

use postern_model::{AccountId, Malformed, Partition, Region, RestApiId};
use postern_policy::ExecuteApiBase;
use postern_template::Limits;

use crate::BasePathMode;

/// How a definition is imported. The defaults are those of the contract page, for an API that is not
/// known.
#[derive(Clone, Copy, Debug)]
pub struct ImportOptions<'a> {
    /// What becomes of the definition's base path.
    pub base_path: BasePathMode,
    /// What becomes of `security` at the root of the definition.
    pub root_security: RootSecurity,
    /// Whether what the service would answer 500 to is refused: illegal mapping targets, templates
    /// that do not parse, addresses that cannot be called. Otherwise it is a warning.
    pub strict: bool,
    /// Whether ARNs of another API in the resource policy are read as naming this one.
    pub rewrite_policy_api_id: bool,
    /// Which API the definition is for; absent: an API that stands for any.
    pub api: Option<ApiIdentity<'a>>,
    /// Bytes that a definition may have: the service's 6 MB where nothing is said.
    pub definition_bytes: usize,
    /// Bounds of mapping templates.
    pub template_limits: Limits,
}

/// The API that a definition is imported for: what short policy resources and pseudo parameters
/// such as `${AWS::Region}` stand for.
#[derive(Clone, Copy, Debug)]
pub struct ApiIdentity<'a> {
    /// The partition.
    pub partition: Partition,
    /// The region.
    pub region: &'a Region,
    /// The account that owns it.
    pub account_id: &'a AccountId,
    /// Its id.
    pub id: &'a RestApiId,
}

/// What becomes of `security` at the root of a definition (openapi-extensions.md section 1).
///
/// ```
/// use postern_openapi::RootSecurity;
///
/// assert_eq!("ignore".parse(), Ok(RootSecurity::Ignore));
/// assert_eq!(RootSecurity::default(), RootSecurity::Apply);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RootSecurity {
    /// It holds for every method that has none of its own.
    #[default]
    Apply,
    /// It is ignored, with a warning.
    Ignore,
}

impl FromStr for RootSecurity {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "apply" => Ok(Self::Apply),
            "ignore" => Ok(Self::Ignore),
            _ => Err(Malformed::new("`apply` or `ignore`")),
        }
    }
}

impl Default for ImportOptions<'_> {
    fn default() -> Self {
        Self {
            base_path: BasePathMode::default(),
            root_security: RootSecurity::default(),
            strict: true,
            rewrite_policy_api_id: true,
            api: None,
            definition_bytes: DEFINITION_BYTES_MAX,
            template_limits: Limits::default(),
        }
    }
}

impl<'a> ImportOptions<'a> {
    /// What the short form of policy resources stands for.
    pub(crate) fn base(&self) -> ExecuteApiBase<'a> {
        let Some(ApiIdentity { partition, region, account_id, id }) = self.api else {
            return ExecuteApiBase::sample();
        };
        ExecuteApiBase::api(partition.as_str(), region.as_str(), account_id.as_str(), id.as_str())
    }

    /// Region, account and partition.
    pub(crate) fn pseudo_parameters(&self) -> [&'a str; 3] {
        let Some(ApiIdentity { partition, region, account_id, .. }) = self.api else {
            return ["us-east-1", "123456789012", "aws"];
        };
        [region.as_str(), account_id.as_str(), partition.as_str()]
    }
}

/// The service's limit on a definition: 6 MB (openapi-extensions.md section 3).
const DEFINITION_BYTES_MAX: usize = 6 * 1024 * 1024;
