"""A site in one file that says back which body it got: for the web servers there are."""

from __future__ import annotations

import sys
from wsgiref.simple_server import make_server

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import re_path

from personalization.exceptions import RequestRejected
from personalization.ingest.body import read_body

settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="echo", ALLOWED_HOSTS=["*"], MIDDLEWARE=[])
django.setup()


def echo(request: HttpRequest) -> HttpResponse:
    try:
        answer = HttpResponse(read_body(request))
    except RequestRejected as error:
        answer = HttpResponse(error.code, status=error.status)
    answer["Content-Length"] = len(answer.content)
    return answer


urlpatterns = [re_path("", echo)]
wsgi = get_wsgi_application()
asgi = get_asgi_application()

if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), wsgi).serve_forever()
