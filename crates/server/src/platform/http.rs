//! Extractors and bodies whose rejections are problems with a code.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{ConnectInfo, FromRef, FromRequest, FromRequestParts};
use axum::http::{Extensions, HeaderMap, StatusCode, request::Parts};
use axum::response::{IntoResponse, Response};
use securechat_proto::api::Code;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use utoipa::IntoResponses;
use utoipa::openapi::{self, ContentBuilder, Ref, RefOr, ResponseBuilder};

use super::{ApiError, Platform};

/// A JSON body, in or out.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(ApiError))]
pub struct Json<T>(pub T);

impl<T: serde::Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// Parts of the path.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(ApiError))]
pub struct Path<T>(pub T);

/// The query string.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(ApiError))]
pub struct Query<T>(pub T);

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge.into(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType.into(),
            _ => Code::Invalid.into(),
        }
    }
}

impl From<PathRejection> for ApiError {
    fn from(_: PathRejection) -> Self {
        Code::Invalid.into()
    }
}

impl From<QueryRejection> for ApiError {
    fn from(_: QueryRejection) -> Self {
        Code::Invalid.into()
    }
}

/// How every endpoint says in the API's description that it can fail; `app` adds the schema the two refer to.
pub struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        let problem = |whose: &str| {
            let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
            let response = ResponseBuilder::new()
                .description(whose)
                .content("application/problem+json", body.build());
            RefOr::T(response.build())
        };
        BTreeMap::from([
            ("4XX".into(), problem("the request cannot be served")),
            ("5XX".into(), problem("the server cannot serve now")),
        ])
    }
}

/// The network a request comes from: the address, an IPv6 one cut to its /64. For rate limits and daily pseudonyms;
/// never stored or logged as it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(pub IpAddr);

impl Network {
    /// The network of `address`.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self(IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into()))
            }
            v4 => Self(v4),
        }
    }

    /// Bytes for a pseudonym.
    pub fn to_bytes(self) -> Vec<u8> {
        match self.0 {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Network
where
    Platform: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let platform = Platform::from_ref(state);
        Ok(network_of(
            &parts.headers,
            &parts.extensions,
            platform.config.trusted_proxies,
        ))
    }
}

/// With `trusted_proxies` = n the address is the n-th from the right of X-Forwarded-For; without, the peer's own.
/// A request that came without a socket (in-process use) counts as loopback.
pub fn network_of(headers: &HeaderMap, extensions: &Extensions, trusted_proxies: usize) -> Network {
    let peer = extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |info| info.0.ip());
    if trusted_proxies == 0 {
        return Network::of(peer);
    }
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let address = forwarded
        .len()
        .checked_sub(trusted_proxies)
        .and_then(|at| forwarded.get(at)?.parse().ok());
    Network::of(address.unwrap_or(peer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(forwarded: &str) -> Parts {
        let request = axum::http::Request::builder()
            .header("x-forwarded-for", forwarded)
            .extension(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 1))))
            .body(());
        request.expect("a request").into_parts().0
    }

    #[test]
    fn forwarded_addresses_count_only_behind_a_trusted_proxy() {
        let forged = parts("1.1.1.1, 2.2.2.2");
        let network_of =
            |parts: &Parts, proxies| network_of(&parts.headers, &parts.extensions, proxies);
        assert!(network_of(&forged, 0) == Network(IpAddr::from([10, 0, 0, 1])));
        assert!(network_of(&forged, 1) == Network(IpAddr::from([2, 2, 2, 2])));
        assert!(network_of(&forged, 2) == Network(IpAddr::from([1, 1, 1, 1])));
        assert!(network_of(&forged, 3) == Network(IpAddr::from([10, 0, 0, 1])));
    }

    #[test]
    fn one_ipv6_customer_is_one_network() {
        let one = Network::of("2001:db8:1:2:3::4".parse().expect("an address"));
        let other = Network::of("2001:db8:1:2:ffff::9".parse().expect("an address"));
        assert!(one == other);
    }
}
