# frozen_string_literal: true

# What Lambda's own runtime has loaded before the function: many functions use these without asking for them.
require "json"
require "logger"
require "net/http"
require "stringio"

require_relative "channel"
require_relative "context"
require_relative "errors"
require_relative "handler"
require_relative "logs"
require_relative "marshaller"
require_relative "output"
require_relative "paths"

module HearthRuntime
  # The life of the process: connect, load the handler, serve events until the server hangs up.
  module Main
    # Exit statuses of Lambda's runtime: an init that failed, an invocation after which no other may follow.
    INIT_FAILED = 252
    CRITICAL = 255

    class << self
      def run
        link = connect
        Output.install(ENV.delete("_LAMBDA_TELEMETRY_LOG_FD"))
        Paths.remember
        become(link.parked) if ENV.delete("_HEARTH_PARKED")
        Paths.install(ENV.fetch("LAMBDA_TASK_ROOT", "/var/task"))
        Logs.install
        handler = load_handler(link)
        Output.flush
        link.ready
        loop { serve(link, handler, link.next) }
      rescue SignalException
        # A runtime that is asked to end while it waits ends well.
        exit(0)
      end

      private

      # The lean channel if the platform handed one over, else the HTTP Runtime API.
      def connect
        descriptor = ENV.delete("_HEARTH_CHANNEL_FD")
        return Channel.new(Integer(descriptor)) if descriptor

        require_relative "http"
        RuntimeApi.new(ENV.fetch("AWS_LAMBDA_RUNTIME_API"))
      end

      # Takes on a function's environment, as if the process had been started with it.
      def become(environment)
        ENV.clear
        environment.each { |name, value| ENV[name] = value }
        Dir.chdir(ENV.fetch("LAMBDA_TASK_ROOT", "/var/task"))
      end

      def load_handler(link)
        name = ENV.fetch("_HANDLER", "")
        handler = LambdaHandler.new(name)
        require handler.file_name
        handler
      rescue Exception => problem # rubocop:disable Lint/RescueException -- `exit` at the top of a file is one, too.
        failure = Failure.new(problem, "Init")
        Logs.failure(failure, "Init error when loading handler #{name}")
        link.init_error(failure.header_type, failure.document)
        exit(INIT_FAILED)
      end

      # One event. This is the hot path.
      def serve(link, handler, call)
        Logs.request_id = call.request_id
        trace(call.trace_id)
        body = respond(handler, call)
      rescue Exception => problem # rubocop:disable Lint/RescueException
        report(link, call, problem)
      else
        Output.flush
        link.respond(call.request_id, body)
      end

      # What the handler returned, as bytes. How it is written is in a function's hands, so this may fail as it may.
      def respond(handler, call)
        event = AwsLambda::Marshaller.marshall_request(call)
        result, = AwsLambda::Marshaller.marshall_response(handler.call(event, LambdaContext.new(call)))
        result.respond_to?(:read) ? result.read.to_s : result.to_s
      end

      # A NameError means that the code is broken, and what is no StandardError (`exit`, NoMemoryError) that it is in no
      # state to go on: after either of them Lambda's runtime ends.
      def report(link, call, problem)
        critical = problem.is_a?(NameError) || !problem.is_a?(StandardError)
        failure = Failure.new(problem, "Function")
        Logs.failure(failure, critical ? "Critical exception from handler" : "Error raised from handler method")
        link.fail(call.request_id, failure.header_type, failure.document, critical)
        exit(CRITICAL) if critical
      end

      def trace(trace_id)
        return if trace_id == @trace_id

        @trace_id = trace_id
        ENV["_X_AMZN_TRACE_ID"] = trace_id.empty? ? nil : trace_id
      end
    end
  end
end
