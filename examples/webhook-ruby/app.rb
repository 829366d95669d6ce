# frozen_string_literal: true

# Receives webhooks that are signed as GitHub signs them, and lets through none whose signature is wrong.
#
# The secret stands in WEBHOOK_SECRET. What arrived is logged; an answer tells the sender what became of it.

require "base64"
require "json"
require "logger"
require "openssl"

LOG = Logger.new($stdout, progname: "webhook")

# Whether `given` ("sha256=<hex>") is the signature of these bytes. Takes the same time for every wrong one.
def genuine?(body, given, secret)
  expected = "sha256=#{OpenSSL::HMAC.hexdigest("SHA256", secret, body)}"
  OpenSSL.secure_compare(expected, given.to_s)
end

def answer(status, message, **more)
  {
    statusCode: status,
    headers: { "content-type" => "application/json" },
    body: JSON.generate({ message: message, **more })
  }
end

def handler(event:, context:)
  headers = event.fetch("headers", {}).transform_keys(&:downcase)
  body = event.fetch("body", "").to_s
  body = Base64.decode64(body) if event["isBase64Encoded"]

  unless genuine?(body, headers["x-hub-signature-256"], ENV.fetch("WEBHOOK_SECRET"))
    LOG.warn("refused a delivery whose signature does not fit")
    return answer(401, "the signature does not fit")
  end

  kind = headers.fetch("x-github-event", "unknown")
  return answer(200, "pong") if kind == "ping"

  payload = JSON.parse(body)
  LOG.info("#{kind} of #{payload.dig("repository", "full_name")} by #{payload.dig("sender", "login")}")
  answer(202, "accepted", delivery: headers["x-github-delivery"], request: context.aws_request_id)
rescue JSON::ParserError => problem
  LOG.error(problem)
  answer(400, "the body is not JSON")
end
