//! What the web app's files are served as. The packer in `xtask` uses this file, too: one rule for pack and folder.

/// The content type of a file by its ending.
pub fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Whether the name carries the content's hash, so that the file never changes: the web build writes
/// `name-XXXXXXXX.ext`, eight characters of it, into `assets/` only.
pub fn is_hashed(path: &str) -> bool {
    let Some(name) = path.strip_prefix("/assets/") else {
        return false;
    };
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    stem.len().checked_sub(8).is_some_and(|start| {
        let bytes = stem.as_bytes();
        start > 0
            && bytes[start - 1] == b'-'
            && bytes[start..]
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    })
}

#[cfg(test)]
mod tests {
    use super::is_hashed;

    #[test]
    fn only_hashed_assets_are_immutable() {
        for (path, immutable) in [
            ("/assets/app-Bx81kq_0.js", true),
            ("/assets/app-Bx8-kq_0.css", true),
            ("/assets/securechat_bg.wasm", false),
            ("/index.html", false),
            ("/sw.js", false),
            ("/other/app-Bx81kq_0.js", false),
            ("/assets/-Bx81kq_0.js", true),
            ("/assets/Bx81kq_0.js", false),
        ] {
            assert_eq!(is_hashed(path), immutable, "{path}");
        }
    }
}
