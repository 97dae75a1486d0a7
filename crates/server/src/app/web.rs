//! The web app: files in memory, from the embedded pack or from a folder.
//!
//! Format of the pack: docs/decisions/0001-web-pack.md.

mod served;

use super::headers::protect_app;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use served::{content_type, is_hashed};
use std::collections::BTreeMap;
use std::path::Path;

use crate::platform::ApiError;
use crate::platform::primitives::sha256;
use securechat_proto::api::Code;

const MAGIC: &[u8; 8] = b"SCWEBPK1";
const IMMUTABLE: u8 = 1;
const ENTRIES_MAX: u32 = 4096;

/// Files by path (`/index.html`); cheap to clone.
#[derive(Clone, Default)]
pub struct Assets(std::sync::Arc<BTreeMap<String, Asset>>);

struct Asset {
    content_type: HeaderValue,
    is_immutable: bool,
    etag: HeaderValue,
    identity: Bytes,
    brotli: Option<Bytes>,
}

/// A pack or folder that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum AssetsError {
    #[error("the web pack is damaged")]
    Damaged,
    #[error("{0}")]
    Folder(#[from] std::io::Error),
    #[error("no index.html in the web folder")]
    NoIndex,
}

impl Assets {
    /// The pack built into this binary, if it was built with one.
    pub fn embedded() -> Option<Result<Self, AssetsError>> {
        #[cfg(feature = "embed-web")]
        {
            let pack: &[u8] = include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../target/web.pack"
            ));
            Some(Self::from_pack(Bytes::from_static(pack)))
        }
        #[cfg(not(feature = "embed-web"))]
        None
    }

    /// Reads a pack; files are slices of it.
    pub fn from_pack(pack: Bytes) -> Result<Self, AssetsError> {
        let mut reader = Reader { pack: &pack, at: 0 };
        if reader.take(8)? != MAGIC {
            return Err(AssetsError::Damaged);
        }
        let count = reader.u32()?;
        if count > ENTRIES_MAX {
            return Err(AssetsError::Damaged);
        }
        let mut assets = BTreeMap::new();
        for _ in 0..count {
            let path = reader.text()?;
            let content_type =
                HeaderValue::try_from(reader.text()?).map_err(|_| AssetsError::Damaged)?;
            let flags = reader.take(1)?[0];
            let etag = etag(reader.take(16)?);
            let identity = reader.blob()?;
            let brotli = reader.blob()?;
            let asset = Asset {
                content_type,
                is_immutable: flags & IMMUTABLE != 0,
                etag,
                identity: pack.slice(identity),
                brotli: (!brotli.is_empty()).then(|| pack.slice(brotli)),
            };
            if !path.starts_with('/')
                || flags & !IMMUTABLE != 0
                || assets.insert(path, asset).is_some()
            {
                return Err(AssetsError::Damaged);
            }
        }
        Ok(Self(assets.into()))
    }

    /// Reads a folder as the web build leaves it.
    pub fn from_folder(folder: &Path) -> Result<Self, AssetsError> {
        let mut assets = BTreeMap::new();
        collect(folder, "", &mut assets)?;
        if !assets.contains_key("/index.html") {
            return Err(AssetsError::NoIndex);
        }
        Ok(Self(assets.into()))
    }

    /// The file for a request, the app itself for a path of its own, or 404.
    pub fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response {
        let found = self.0.get(path).or_else(|| {
            let is_route = !path.rsplit('/').next().unwrap_or_default().contains('.');
            is_route.then(|| self.0.get("/index.html")).flatten()
        });
        let Some(asset) = found else {
            return ApiError::from(Code::NotFound).into_response();
        };
        if method != Method::GET && method != Method::HEAD {
            return ApiError::from(Code::MethodNotAllowed).into_response();
        }
        asset.answer(headers)
    }
}

impl Asset {
    fn answer(&self, request: &HeaderMap) -> Response {
        let is_fresh = request
            .get(header::IF_NONE_MATCH)
            .is_some_and(|held| held == self.etag);
        let brotli = self.brotli.as_ref().filter(|_| accepts_brotli(request));
        let mut response = match (is_fresh, brotli) {
            (true, _) => StatusCode::NOT_MODIFIED.into_response(),
            (false, Some(brotli)) => brotli.clone().into_response(),
            (false, None) => self.identity.clone().into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.content_type.clone());
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if !is_fresh && brotli.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
        }
        let cache = if self.is_immutable {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        protect_app(
            headers,
            request
                .get(header::HOST)
                .and_then(|host| host.to_str().ok()),
        );
        response
    }
}

fn accepts_brotli(request: &HeaderMap) -> bool {
    request
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            parts.next() == Some("br")
                && parts.all(|quality| !matches!(quality, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
}

fn etag(hash: &[u8]) -> HeaderValue {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(format!("\"{hex}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

fn collect(folder: &Path, prefix: &str, into: &mut BTreeMap<String, Asset>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &path, into)?;
        } else {
            let identity = Bytes::from(std::fs::read(entry.path())?);
            let asset = Asset {
                content_type: HeaderValue::from_static(content_type(&path)),
                is_immutable: is_hashed(&path),
                etag: etag(&sha256(&identity)[..16]),
                identity,
                brotli: None,
            };
            into.insert(path, asset);
        }
    }
    Ok(())
}

/// Walks a pack from front to back.
struct Reader<'a> {
    pack: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], AssetsError> {
        let end = self.at.checked_add(length).ok_or(AssetsError::Damaged)?;
        let taken = self.pack.get(self.at..end).ok_or(AssetsError::Damaged)?;
        self.at = end;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, AssetsError> {
        let bytes = self.take(4)?.try_into().map_err(|_| AssetsError::Damaged)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn text(&mut self) -> Result<String, AssetsError> {
        let length = self.take(2)?.try_into().map_err(|_| AssetsError::Damaged)?;
        let bytes = self.take(usize::from(u16::from_le_bytes(length)))?;
        String::from_utf8(bytes.to_vec()).map_err(|_| AssetsError::Damaged)
    }

    /// Where a file's bytes lie in the pack.
    fn blob(&mut self) -> Result<std::ops::Range<usize>, AssetsError> {
        let (offset, length) = (self.u32()? as usize, self.u32()? as usize);
        let end = offset
            .checked_add(length)
            .filter(|end| *end <= self.pack.len())
            .ok_or(AssetsError::Damaged)?;
        Ok(offset..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pack with one page (no brotli) and one hashed script (brotli form), written by hand.
    fn pack() -> Vec<u8> {
        let files: [(&str, &str, u8, &[u8], &[u8]); 2] = [
            (
                "/assets/app-AAAAAAAA.js",
                "text/javascript",
                1,
                b"script",
                b"br",
            ),
            ("/index.html", "text/html", 0, b"<page>", b""),
        ];
        let head: usize = 12
            + files
                .iter()
                .map(|(path, kind, ..)| 2 + path.len() + 2 + kind.len() + 33)
                .sum::<usize>();
        let (mut entries, mut blobs) = (Vec::new(), Vec::new());
        for (path, kind, flags, identity, brotli) in files {
            entries.extend((path.len() as u16).to_le_bytes());
            entries.extend(path.as_bytes());
            entries.extend((kind.len() as u16).to_le_bytes());
            entries.extend(kind.as_bytes());
            entries.push(flags);
            entries.extend([7; 16]);
            for blob in [identity, brotli] {
                entries.extend(((head + blobs.len()) as u32).to_le_bytes());
                entries.extend((blob.len() as u32).to_le_bytes());
                blobs.extend(blob);
            }
        }
        [MAGIC, &2u32.to_le_bytes()[..], &entries, &blobs].concat()
    }

    fn ask(path: &str, encoding: &'static str) -> Response {
        let assets = Assets::from_pack(pack().into()).expect("a sound pack");
        let headers =
            HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding))]);
        assets.answer(&Method::GET, path, &headers)
    }

    #[test]
    fn scripts_are_compressed_and_kept_pages_are_asked_for_again() {
        let script = ask("/assets/app-AAAAAAAA.js", "gzip, br");
        assert_eq!(script.headers()[header::CONTENT_ENCODING], "br");
        assert_eq!(
            script.headers()[header::CACHE_CONTROL],
            "public, max-age=31536000, immutable"
        );
        assert!(
            script
                .headers()
                .contains_key(header::CONTENT_SECURITY_POLICY)
        );
        let plain = ask("/assets/app-AAAAAAAA.js", "br;q=0");
        assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
        let page = ask("/chats/anything", "br");
        assert_eq!(
            (page.status(), &page.headers()[header::CACHE_CONTROL]),
            (StatusCode::OK, &HeaderValue::from_static("no-cache"))
        );
        assert_eq!(ask("/missing.js", "br").status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_damaged_pack_is_refused_at_every_cut() {
        let pack = pack();
        for cut in 0..pack.len() {
            assert!(
                Assets::from_pack(Bytes::copy_from_slice(&pack[..cut])).is_err(),
                "{cut}"
            );
        }
        let mut wrong = pack;
        wrong[0] ^= 1;
        assert!(Assets::from_pack(wrong.into()).is_err());
    }
}
