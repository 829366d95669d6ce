# frozen_string_literal: true

module HearthRuntime
  # `Logger` as functions on Lambda find it: one that would write to stdout, stderr or nowhere writes to the log channel,
  # in the function's log format.
  module Logs
    class << self
      attr_reader :request_id

      def request_id=(id)
        @request_id = id
        # Lambda's own name for it, which formatters of functions use.
        $_global_aws_request_id = id # rubocop:disable Style/GlobalVars
      end

      def install
        Logger.prepend(LoggerToChannel)
      end

      # What the log shows of a failure: a line that says when, then its document; in JSON, one record.
      def failure(failure, message)
        Output.flush
        if Output.json?
          record = { timestamp: JsonFormatter.time(Time.now), level: "ERROR", message: message, requestId: @request_id }
          Output.log("#{JSON.generate(record.merge(failure.to_h).compact)}\n", Logger::ERROR)
        else
          Output.log("#{message}\n", Logger::ERROR)
          Output.log("#{JSON.pretty_generate(failure.to_h)}\n", Logger::ERROR)
        end
      end

      # The level of loggers that were given none: the function's configuration has one in the JSON format alone.
      def level
        name = ENV["AWS_LAMBDA_LOG_LEVEL"].to_s.upcase
        { "TRACE" => "DEBUG" }.fetch(name, name).then { |known| Logger::Severity.const_get(known) if known != "" }
      rescue NameError
        nil
      end
    end

    # What a Logger takes for its device.
    module Device
      class << self
        def write(text)
          Output.log(text, Thread.current[:hearth_severity])
        end

        def close; end
      end
    end

    module LoggerToChannel
      def initialize(target = nil, *rest, **options)
        return super unless target.nil? || target.equal?($stdout) || target.equal?($stderr)

        super(Device, *rest, **options)
        @default_formatter = (Output.json? ? JsonFormatter : TextFormatter).new
        @default_formatter.datetime_format = options[:datetime_format]
        self.level = Logs.level || level if Output.json? && !options.key?(:level)
      end

      def add(severity, message = nil, progname = nil, &block)
        before = Thread.current[:hearth_severity]
        Thread.current[:hearth_severity] = severity
        super
      ensure
        Thread.current[:hearth_severity] = before
      end
      # Logger has it under two names, and its own methods use either.
      alias log add
    end

    # `I, [2026-11-23T06:38:57.458123 #8]  INFO <request id> -- name: message`
    class TextFormatter < ::Logger::Formatter
      SHAPE = "%<letter>s, [%<time>s #%<process>d] %<severity>5s %<request>s -- %<name>s: %<message>s\n"

      def call(severity, time, progname, message)
        format(
          SHAPE,
          letter: severity[0], time: format_datetime(time), process: Process.pid, severity: severity,
          request: Logs.request_id, name: progname, message: Failure.text(msg2str(message))
        )
      end
    end

    # One object on a line. Fields without a value are left out.
    class JsonFormatter < ::Logger::Formatter
      def self.time(time)
        time.getutc.strftime("%Y-%m-%dT%H:%M:%S.%6NZ")
      end

      def call(severity, time, progname, message)
        problem = message if message.is_a?(Exception)
        record = {
          timestamp: JsonFormatter.time(time), level: severity,
          message: Failure.text(problem ? problem.message : msg2str(message)), requestId: Logs.request_id,
          logger: progname && Failure.text(progname)
        }
        record.merge!(described(problem)) if problem
        "#{JSON.generate(record.compact)}\n"
      end

      private

      def described(problem)
        trace = Failure.trace(problem)
        { errorType: problem.class.to_s, errorMessage: Failure.text(problem.message), stackTrace: trace,
          location: location(trace.first) }
      end

      # `file:method:line`, out of Ruby's "file:line:in `method'".
      def location(frame)
        found = frame&.match(/\A(?<file>.+):(?<line>\d+):in [`'](?<method>.+)'\z/)
        found ? "#{found[:file]}:#{found[:method]}:#{found[:line]}" : frame
      end
    end
  end
end
