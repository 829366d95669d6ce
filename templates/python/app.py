import logging
import os

logger = logging.getLogger()
logger.setLevel(logging.INFO)

# What stands here runs once for each execution environment.
GREETING = os.environ.get("GREETING", "Hello")


def handler(event, context):
    name = event.get("name", "world")
    logger.info("greeting %s", name)
    return {"message": f"{GREETING}, {name}!"}
