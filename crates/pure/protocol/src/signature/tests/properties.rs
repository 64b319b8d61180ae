//! What holds for all requests: what is signed verifies, what was changed does not.

use proptest::prelude::*;

use super::*;

fn requests() -> impl Strategy<Value = Request> {
    let path = prop::collection::vec("[a-z0-9~-]{1,5}|%[2-7][0-9A-F]", 0..4)
        .prop_map(|segments| segments.iter().map(|segment| format!("/{segment}")).collect::<String>());
    let query = prop::collection::vec("[a-z]{1,4}(=([a-zA-Z0-9]|%[2-7][0-9A-F]|\\+){0,4})?", 0..4)
        .prop_map(|parameters| parameters.join("&"));
    let value = "[a-z0-9]{1,4}( {1,2}[a-z0-9]{1,4}){0,2}";
    let fields = prop::collection::vec(("(X-|x-amz-)[a-z]{1,6}", value), 0..4);
    let method = prop_oneof![Just("GET"), Just("POST"), Just("DELETE")];
    (method, path, query, fields, any::<Vec<u8>>()).prop_map(|(method, path, query, fields, body)| {
        let host = ("Host".to_owned(), "abc.execute-api.us-east-1.amazonaws.com".to_owned());
        let fields = std::iter::once(host)
            .chain(fields.into_iter().filter(|(name, _)| !name.starts_with("x-amz-content")))
            .collect();
        Request { method: method.into(), path, query, fields, body }
    })
}

/// Another letter or digit in this place, so that nothing but meaning changes.
fn change(text: &mut String, place: prop::sample::Index, to: char) -> bool {
    if text.is_empty() {
        return false;
    }
    let mut characters: Vec<char> = text.chars().collect();
    let place = place.index(characters.len());
    // Escapes and blanks have spellings that mean the same.
    let plain = |character: char| character.is_ascii_alphanumeric() || character == '/';
    let near_escape = characters[place.saturating_sub(2)..=place].contains(&'%');
    if !plain(characters[place]) || near_escape || characters[place] == to {
        return false;
    }
    characters[place] = to;
    *text = characters.into_iter().collect();
    true
}

type Fields<'request> = &'request [(&'request [u8], &'request [u8])];

proptest! {
    #[test]
    fn what_is_signed_verifies(request in requests(), token in proptest::option::of(Just(TOKEN))) {
        let session = token.map(|_| session(NOW + 1));
        prop_assert!(request.clone().signed(token).verified(session, &place(NOW)).is_ok());
        let only_host = request.and(|it| it.fields.truncate(1));
        prop_assert!(only_host.presigned(60, token).verified(session, &place(NOW)).is_ok());
    }

    #[test]
    fn any_change_to_what_is_signed_is_refused(
        request in requests(),
        in_query: bool,
        what in 0..5_u8,
        index: prop::sample::Index,
        at: prop::sample::Index,
        to in "[a-zA-Z0-9]",
    ) {
        let mut request =
            if in_query { request.and(|it| it.fields.truncate(1)).presigned(60, None) } else { request.signed(None) };
        let to = to.chars().next().unwrap();
        let changed = match what {
            0 => change(&mut request.method, at, to),
            1 => change(&mut request.path, at, to),
            2 => change(&mut request.query, at, to),
            3 => {
                let field = index.index(request.fields.len());
                let (name, value) = &mut request.fields[field];
                // Renaming `Authorization` or changing its scheme takes the signature away altogether.
                name != "Authorization" && change(value, at, to)
            }
            _ => {
                request.body.push(0);
                true
            }
        };
        prop_assert!(!changed || request.verified(None, &place(NOW)).is_err());
    }

    #[test]
    fn any_change_to_the_signature_is_refused(request in requests(), at: prop::sample::Index, to in "[a-zA-Z0-9]") {
        let mut request = request.signed(None);
        let before = request.field("Authorization").to_owned();
        let mut value = before.clone();
        let changed = change(&mut value, at, to.chars().next().unwrap());
        // The names of signed headers are read in any letter case.
        let changed = changed && !value.eq_ignore_ascii_case(&before);
        request.set("Authorization", value);
        prop_assert!(!changed || request.verified(None, &place(NOW)).is_err());
    }

    #[test]
    fn spellings_that_mean_the_same_hold(request in requests(), mut order: u64) {
        let mut request = request.signed(None);
        let mut parameters: Vec<&str> = request.query.split('&').collect();
        parameters.sort_by_key(|_| {
            order = order.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order >> 32
        });
        request.query = parameters.join("&").replace('+', "%20");
        for (name, value) in &mut request.fields {
            *name = name.to_ascii_uppercase();
            *value = format!(" {value}\t");
        }
        prop_assert!(request.verified(None, &place(NOW)).is_ok());
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(authorization: Vec<u8>, query: Vec<u8>, path: Vec<u8>, date: Vec<u8>) {
        let signed = [&b"AWS4-HMAC-SHA256 "[..], &authorization].concat();
        let presigned = [&b"X-Amz-Algorithm=AWS4-HMAC-SHA256&"[..], &query].concat();
        let requests: [(&[u8], Fields<'_>); 3] = [
            (&query, &[(b"authorization", &authorization), (b"x-amz-date", &date)]),
            (&query, &[(b"authorization", &signed), (b"date", &date)]),
            (&presigned, &[]),
        ];
        for (query, fields) in requests {
            let parts = RequestParts { method: b"GET", path: &path, query, fields };
            if let Ok(Presented::Signature(signature)) = read(&parts) {
                prop_assert!(signature.check(&parts, &place(NOW), |_| None).is_err());
            }
        }
    }
}
