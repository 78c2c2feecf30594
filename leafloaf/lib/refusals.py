"""Bodies that are refused before anybody reads them: what is too large for any route, and files."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest, HttpResponse, JsonResponse

from leafloaf.lib.parsers import LARGEST_BODY
from leafloaf.lib.problems import CONTENT_TYPE, FilesRefused, body

TOO_LARGE = f"The body is larger than {LARGEST_BODY} bytes; send less at once."


class LargeBodyMiddleware:
    """413 for a body that says it is larger than any that is read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) > LARGEST_BODY:
            document = body(413, "too_large", TOO_LARGE)
            return JsonResponse(document, status=413, content_type=CONTENT_TYPE)
        return self.get_response(request)


class FilesInMemory(MemoryFileUploadHandler):
    """The only FILE_UPLOAD_HANDLER: no file that somebody sends is ever written to a disk, and few pages take one."""

    def handle_raw_input(self, input_data: Any, META: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().handle_raw_input(input_data, META, *args, **kwargs)
        self.is_welcome = META.get("PATH_INFO") in settings.PATHS_THAT_TAKE_FILES

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        if not (self.is_welcome and self.activated):
            raise FilesRefused("No file is taken here.")
        super().new_file(*args, **kwargs)
