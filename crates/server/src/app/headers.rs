//! Security headers of everything a browser gets from here.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Puts the headers of the web app on a response; `host` is the request's, for the socket's address.
pub fn protect_app(headers: &mut HeaderMap, host: Option<&str>) {
    let sockets = host
        .filter(|host| is_plain_host(host))
        .map_or_else(String::new, |host| {
            // 'self' does not cover ws: everywhere, so the socket's own addresses are named.
            format!(" ws://{host} wss://{host}")
        });
    let policy = format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'{sockets}; worker-src 'self'; \
         style-src 'self'; img-src 'self' blob: data:; font-src 'self'; manifest-src 'self'; frame-ancestors 'none'; \
         base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types sc"
    );
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    protect(headers);
}

/// The documentation pages run foreign scripts: in a sandbox of their own, without the app's origin.
pub fn protect_docs(headers: &mut HeaderMap) {
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "sandbox allow-scripts; default-src 'none'; script-src 'self'; connect-src 'self'; worker-src blob:; \
             style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; frame-ancestors 'none'; \
             base-uri 'none'; form-action 'none'",
        ),
    );
    protect(headers);
}

/// What every response carries.
pub fn protect(headers: &mut HeaderMap) {
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=(), \
             interest-cohort=()",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// A host and port as a browser sends them; anything else stays out of the policy.
fn is_plain_host(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(host: &str) -> String {
        let mut headers = HeaderMap::new();
        protect_app(&mut headers, Some(host));
        headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .expect("text")
            .into()
    }

    #[test]
    fn a_host_header_cannot_write_into_the_policy() {
        assert!(
            policy("chat.example:8000")
                .contains("connect-src 'self' ws://chat.example:8000 wss://chat.example:8000;")
        );
        assert!(policy("[::1]:8000").contains("ws://[::1]:8000"));
        for bad in ["a; script-src *", "a b", "", "a'b"] {
            assert!(policy(bad).contains("connect-src 'self';"), "{bad}");
        }
    }
}
