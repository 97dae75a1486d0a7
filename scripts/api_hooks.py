"""Signs generated API requests in: a fresh account every half minute, because a request may end its session."""

import os
import subprocess
import tempfile

import schemathesis

PROGRAMS = os.environ["PROGRAMS"]


@schemathesis.auth(refresh_interval=30)
class Account:
    def get(self, case, context):
        with tempfile.TemporaryDirectory() as folder:
            handle = "api-" + os.urandom(8).hex()
            run([PROGRAMS + "/securechat-cli", "--store", folder, "signup", handle])
            return run([PROGRAMS + "/examples/store_secrets", folder, "access-token"]).strip()

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = "Bearer " + data


def run(command):
    environment = dict(os.environ, SECURECHAT_PASSWORD="a password of nobody")
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
