# frozen_string_literal: true

# The contract's function in Ruby. The protocol is in tests/contract/README.md.

require "json"
require "logger"
require "securerandom"
require "time"

INSTANCE = SecureRandom.hex
LOG = Logger.new($stdout)
LOG.level = Logger::DEBUG unless ENV["AWS_LAMBDA_LOG_FORMAT"] == "JSON"

class ContractError < StandardError; end

$count = 0
$ticker = nil

case ENV["CONTRACT_INIT"]
when "raise" then raise ContractError, "at load"
when "exit" then exit!(3)
when "print" then puts "printed at load"
when "sleep" then sleep 60
end

class Ticker
  attr_reader :ticks, :largest_gap_ms

  def initialize
    @ticks = 0
    @largest_gap_ms = 0
    Thread.new do
      last = Time.now
      loop do
        sleep 0.005
        now = Time.now
        @ticks += 1
        @largest_gap_ms = [@largest_gap_ms, ((now - last) * 1000).to_i].max
        last = now
      end
    end
  end
end

def context_of(told)
  identity = told.identity
  {
    request_id: told.aws_request_id,
    function_name: told.function_name,
    function_version: told.function_version,
    invoked_function_arn: told.invoked_function_arn,
    memory_limit: told.memory_limit_in_mb,
    log_group_name: told.log_group_name,
    log_stream_name: told.log_stream_name,
    remaining_ms: told.get_remaining_time_in_millis,
    trace_id: ENV["_X_AMZN_TRACE_ID"],
    client_context: told.client_context,
    identity: identity && { id: identity["cognitoIdentityId"], pool: identity["cognitoIdentityPoolId"] }
  }
end

def remaining(event, told)
  first = told.get_remaining_time_in_millis
  sleep event["ms"] / 1000.0
  [first, told.get_remaining_time_in_millis]
end

def failure(kind, message)
  case kind
  when "own" then raise ContractError, message
  when "standard" then Integer("no number")
  when "cause"
    begin
      raise ContractError, "the cause"
    rescue ContractError
      raise ContractError, message
    end
  when "result" then Float::NAN
  when "stray"
    thread = Thread.new { raise ContractError, message }
    thread.report_on_exception = false
    sleep 0.01 while thread.alive?
    "went on"
  end
end

def memory
  held = []
  loop { held << "\1" * (16 << 20) }
end

def write(event)
  File.write(event["path"], event["text"])
  true
rescue SystemCallError
  false
end

def read(event)
  File.read(event["path"])
rescue SystemCallError
  nil
end

def layer
  require "contract_library"
  ContractLibrary.text
end

def tick
  $ticker ||= Ticker.new
  { ticks: $ticker.ticks, largest_gap_ms: $ticker.largest_gap_ms }
end

def print_to(event)
  stream = event["to"] == "stderr" ? $stderr : $stdout
  stream.print(event["text"])
  stream.flush
  nil
end

def handler(event:, context:)
  $count += 1
  return event unless event.is_a?(Hash) && event.key?("case")

  case event["case"]
  when "context" then context_of(context)
  when "remaining" then remaining(event, context)
  when "echo" then event["value"]
  when "nothing" then nil
  when "fill" then "x" * event["size"]
  when "measure" then event["value"].length
  when "fail" then failure(event["kind"], event["message"])
  when "exit" then Process.exit!(event["status"])
  when "run" then IO.popen(["sh", "-c", event["command"]], &:read)
  when "memory" then memory
  when "sleep"
    sleep event["ms"] / 1000.0
    INSTANCE
  when "count" then { count: $count, instance: INSTANCE }
  when "environment" then { variables: ENV.to_h, folder: Dir.pwd, hour: Time.at(0).hour }
  when "read" then read(event)
  when "write" then write(event)
  when "layer" then layer
  when "print" then print_to(event)
  when "log" then LOG.public_send(event["level"], event["message"]) && nil
  when "tick" then tick
  end
end
