"""An emulator of Google Cloud Storage, with the conditions that TensorStore sets.

    python -m tests.bucket_server PORT

The emulator ignores conditions on generations, and does not tell those of downloads.
And it answers one connection at a time, so that one that a client keeps open without a
word would stop all others: here each has a thread, and requests take turns.
"""

import http.server
import sys
import threading
from http import HTTPStatus

from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import objects

download, insert = objects.download, objects.insert


def generation_of(storage, bucket, name):
    """That of an object; `"0"` if there is none."""
    try:
        return storage.get_file_obj(bucket, name)["generation"]
    except NotFound:
        return "0"


def conditional_download(request, response, storage, *args, **kwargs):
    generation = generation_of(storage, *map(request.params.get, OBJECT))
    response["x-goog-generation"] = generation
    if request.query.get("ifGenerationNotMatch") == [generation]:
        response.status = HTTPStatus.NOT_MODIFIED
    else:
        download(request, response, storage, *args, **kwargs)


def conditional_insert(request, response, storage, *args, **kwargs):
    if "ifGenerationMatch" in request.query:
        (name,) = request.query["name"]
        generation = generation_of(storage, request.params["bucket_name"], name)
        if request.query["ifGenerationMatch"] != [generation]:
            response.status = HTTPStatus.PRECONDITION_FAILED
            return
    insert(request, response, storage, *args, **kwargs)


OBJECT = ("bucket_name", "object_id")

if __name__ == "__main__":
    objects.download, objects.insert = conditional_download, conditional_insert
    # It takes the functions for its routes when it is imported.
    from gcp_storage_emulator import server

    http.server.HTTPServer = http.server.ThreadingHTTPServer
    turn, handle = threading.Lock(), server.Router.handle

    def handle_in_turn(router, method):
        with turn:
            handle(router, method)

    server.Router.handle = handle_in_turn
    server.create_server("localhost", int(sys.argv[1]), True, "bucket").run()
