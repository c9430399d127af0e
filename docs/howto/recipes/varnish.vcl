# Keeps each version of a page with keyed slots.
# Put in your own: where the site answers, and its prefix (/p/).
vcl 4.1;

backend default {
    .host = "127.0.0.1";
    .port = "8000";
}

sub vcl_recv {
    if (req.restarts == 0) {
        # Only this cache says what the key is, and which page it asks about.
        unset req.http.X-Personalization-Key;
        unset req.http.X-Personalization-Page;
        if (req.method != "GET" && req.method != "HEAD") {
            return (pass);
        }
        if (req.http.Cookie !~ "(^|;\s*)pz_(id|preview)=") {
            # Nobody the site knows: they see all defaults.
            set req.http.X-Personalization-Key = "default";
        } elsif (req.url !~ "^/(static|p)/") {
            # First ask for the key, then start again with the page itself.
            set req.http.X-Personalization-Page = req.url;
            set req.url = "/p/v1/key";
            return (pass);
        }
    }
    if (req.http.Authorization) {
        return (pass);
    }
    # What depends on cookies beside says so, by Vary or as private.
    return (hash);
}

sub vcl_deliver {
    if (req.http.X-Personalization-Page) {
        # Without an answer the page is shown without a key, and not kept.
        if (resp.http.X-Personalization-Key) {
            set req.http.X-Personalization-Key = resp.http.X-Personalization-Key;
        }
        set req.url = req.http.X-Personalization-Page;
        unset req.http.X-Personalization-Page;
        return (restart);
    }
}

sub vcl_backend_response {
    # What does not say for how long it may be kept is not kept.
    if (!beresp.http.Cache-Control && !beresp.http.Expires) {
        set beresp.uncacheable = true;
        set beresp.ttl = 120s;
    }
}
