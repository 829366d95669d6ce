"""Makes a thumbnail of an image: called directly, or by HTTP through a function URL.

Called directly, the event is {"image": <base64>, "width": 200, "height": 200, "format": "webp"}, and the answer
{"image": <base64>, "format": ..., "width": ..., "height": ...}. By HTTP the image is the body, the rest is the query, and the
answer is the thumbnail itself.
"""

import base64
import io
import logging

from PIL import Image, ImageOps, UnidentifiedImageError

logger = logging.getLogger()
logger.setLevel(logging.INFO)

FORMATS = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
EDGE_MAX = 2048
# An image that unpacks to more is refused before it is unpacked.
Image.MAX_IMAGE_PIXELS = 40_000_000


class Refused(ValueError):
    """What the caller has to change."""


def handler(event, context):
    if "requestContext" not in event:
        return thumbnail_of(event.get("image", ""), event)
    try:
        made = thumbnail_of(event.get("body", "") if event.get("isBase64Encoded") else "", event.get("queryStringParameters") or {})
    except Refused as refusal:
        return {"statusCode": 400, "headers": {"content-type": "text/plain"}, "body": str(refusal)}
    headers = {"content-type": FORMATS[made["format"]], "cache-control": "public, max-age=86400"}
    return {"statusCode": 200, "headers": headers, "body": made["image"], "isBase64Encoded": True}


def thumbnail_of(encoded, wish):
    try:
        data = base64.b64decode(encoded, validate=True)
        width, height = (int(wish.get(edge, 200)) for edge in ("width", "height"))
    except ValueError as error:
        raise Refused(f"expected an image in base64 and numbers for its edges: {error}") from error
    form = wish.get("format", "jpeg").lower()
    if form not in FORMATS:
        raise Refused(f"expected one of {', '.join(FORMATS)} as format, found {form!r}")
    if not (0 < width <= EDGE_MAX and 0 < height <= EDGE_MAX):
        raise Refused(f"expected edges of 1 to {EDGE_MAX} pixels, found {width} x {height}")
    made, size = shrink(data, (width, height), form)
    logger.info("thumbnail of %d bytes, %s %dx%d in %d bytes", len(data), form, *size, len(made))
    return {"image": base64.b64encode(made).decode(), "format": form, "width": size[0], "height": size[1]}


def shrink(data, box, form):
    """The thumbnail, upright and within the box, its proportions kept; and its size."""
    try:
        image = Image.open(io.BytesIO(data))
        # Lets the decoder of JPEG skip what is not needed.
        image.draft("RGB", box)
        image = ImageOps.exif_transpose(image)
        image.thumbnail(box)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise Refused(f"expected an image: {error}") from error
    if form == "jpeg" and image.mode != "RGB":
        # JPEG has no transparency: what shines through is white.
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image).convert("RGB")
    out = io.BytesIO()
    image.save(out, form.upper(), optimize=True)
    return out.getvalue(), image.size
