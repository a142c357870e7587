"""Write the content security policy of each page, which may only load and run files of the site.

Inline scripts are allowed by their hashes, so an injected script can't run.
"""
import base64, hashlib, html, re

SCRIPT = re.compile(r'<script\b(?![^>]*\bsrc=)[^>]*>(.*?)</script>', re.S | re.I)
HANDLER = re.compile(r'<[a-z][^>]*?\son[a-z]+="([^"]*)"', re.I)
CHARSET = re.compile(r'<meta charset="utf-8" ?/?>', re.I)
COMMON = {
    'default-src': "'self'", 'connect-src': "'self' data: blob:",
    'img-src': "'self' data: blob:", 'media-src': "'self' data: blob:", 'font-src': "'self' data:",
    'style-src': "'self' 'unsafe-inline'", 'worker-src': "'self' blob:",
    'object-src': "'none'", 'frame-src': "'none'", 'base-uri': "'none'", 'form-action': "'self'"}

def hashes(scripts):
    "Return the hashes of scripts in the form that a policy uses."
    return sorted({f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts})

def handlers(page):
    "Return the inline event handlers of a page."
    return {html.unescape(h) for h in HANDLER.findall(page)}

def policy(page, also=()):
    "Return the policy of a page: its own files, WebAssembly, and its inline scripts and those in `also`."
    script = ' '.join(["'self'", "'wasm-unsafe-eval'", "'unsafe-hashes'", *hashes({*SCRIPT.findall(page), *also})])
    return '; '.join(f'{k} {v}' for k,v in {**COMMON, 'script-src': script}.items())

def add_policies(pages):
    "Add policies to `pages` (path -> text). Event handlers of the whole site are allowed, because the search displays parts of other pages."
    also = set().union(*map(handlers, pages.values()))
    def one(text):
        tag = f'<meta http-equiv="Content-Security-Policy" content="{policy(text, also)}">'
        return CHARSET.sub(lambda m: m[0]+tag, text, count=1)
    return {p: one(text) for p,text in pages.items()}
