import unittest

import app


class Greeting(unittest.TestCase):
    def test_it_greets_by_name(self):
        self.assertEqual(app.handler({"name": "Ada"}, None), {"message": "Hello, Ada!"})

    def test_it_greets_everybody_else(self):
        self.assertEqual(app.handler({}, None), {"message": "Hello, world!"})


if __name__ == "__main__":
    unittest.main()
