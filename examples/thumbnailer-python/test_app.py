import base64
import io
import unittest

from PIL import Image

import app


def image(form="PNG", size=(400, 300), mode="RGBA", color=(255, 0, 0, 0)):
    out = io.BytesIO()
    Image.new(mode, size, color).save(out, form)
    return base64.b64encode(out.getvalue()).decode()


def opened(encoded):
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


class Thumbnails(unittest.TestCase):
    def test_proportions_are_kept(self):
        made = app.handler({"image": image(), "width": 100, "height": 100, "format": "webp"}, None)
        self.assertEqual((made["width"], made["height"], made["format"]), (100, 75, "webp"))
        self.assertEqual((opened(made["image"]).format, opened(made["image"]).size), ("WEBP", (100, 75)))

    def test_what_is_transparent_becomes_white_in_jpeg(self):
        made = opened(app.handler({"image": image()}, None)["image"])
        self.assertEqual(made.getpixel((0, 0)), (255, 255, 255))

    def test_by_http(self):
        event = {"requestContext": {}, "body": image(), "isBase64Encoded": True, "queryStringParameters": {"width": "40"}}
        answer = app.handler(event, None)
        self.assertEqual((answer["statusCode"], answer["headers"]["content-type"]), (200, "image/jpeg"))
        self.assertEqual(opened(answer["body"]).size, (40, 30))

    def test_what_is_no_image_is_refused(self):
        for body, query in [("bm90IGFuIGltYWdl", {}), (image(), {"format": "bmp"}), (image(), {"width": "0"}), (image(), {"width": "x"})]:
            event = {"requestContext": {}, "body": body, "isBase64Encoded": True, "queryStringParameters": query}
            self.assertEqual(app.handler(event, None)["statusCode"], 400)


if __name__ == "__main__":
    unittest.main()
