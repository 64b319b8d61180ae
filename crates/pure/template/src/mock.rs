//! What a MOCK integration reads from its rendered request template.

/// The status code that the rendered request template of a MOCK integration names, or `None` where
/// the service answers 500 (statements MK1 to MK3). Any whole number is a status here.
///
/// ```
/// use postern_template::mock_status;
///
/// assert_eq!(mock_status(r#"{"statusCode": 200}"#), Some(200));
/// assert_eq!(mock_status(r#"{statusCode: 404}"#), Some(404));
/// assert_eq!(mock_status(r#"{"statusCode": "200"}"#), None);
/// ```
#[must_use]
pub fn mock_status(_text: &str) -> Option<i64> {
    None
}
