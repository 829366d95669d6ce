# frozen_string_literal: true

require_relative "call"

module HearthRuntime
  # The Runtime API over HTTP, for when no lean channel was handed over: one kept-alive connection, strictly in turn.
  class RuntimeApi
    BASE = "/2018-06-01/runtime/"
    RELEASE = "hearth-ruby/1"

    def initialize(address)
      host, _, port = address.rpartition(":")
      # No proxy: the variables that name one are about the function's own requests.
      @http = Net::HTTP.new(host, Integer(port), nil)
      @http.read_timeout = nil
      @http.keep_alive_timeout = 1 << 30
      @http.max_retries = 0
    end

    # Nothing to say: the first `next` says it.
    def ready; end

    def parked
      abort("a parked runtime needs the lean channel")
    end

    def next
      answer = call(Net::HTTP::Get.new("#{BASE}invocation/next"))
      abort("runtime API: expected 200 for the next invocation, found #{answer.code}") unless answer.code == "200"
      @attempt = answer["Lambda-Runtime-Invocation-Id"]
      text = ->(name) { answer["Lambda-Runtime-#{name}"].to_s.dup.force_encoding(Encoding::UTF_8) }
      fields = %w[Aws-Request-Id Invoked-Function-Arn Trace-Id Client-Context Cognito-Identity Aws-Tenant-Id].map(&text)
      body = answer.body.to_s.force_encoding(Encoding::UTF_8)
      Call.new(text["Deadline-Ms"].to_i, *fields, body, answer["Content-Type"] || "application/json")
    end

    def respond(request_id, body)
      post("invocation/#{request_id}/response", body, {})
    end

    def fail(request_id, error_type, document, _last)
      post("invocation/#{request_id}/error", document, { "Lambda-Runtime-Function-Error-Type" => error_type })
    end

    def init_error(error_type, document)
      post("init/error", document, { "Lambda-Runtime-Function-Error-Type" => error_type })
    end

    private

    def post(path, body, headers)
      request = Net::HTTP::Post.new(BASE + path, { "Content-Type" => "application/json" }.merge(headers))
      # By it the platform tells answers to an older delivery of the same event from this one's.
      request["Lambda-Runtime-Invocation-Id"] = @attempt if @attempt
      request.body = body
      call(request)
    end

    def call(request)
      request["User-Agent"] = RELEASE
      @http.start unless @http.started?
      @http.request(request)
    rescue EOFError, Errno::ECONNRESET, Errno::ECONNREFUSED, Errno::EPIPE
      # The server has gone; so has the purpose of this process.
      exit(0)
    end
  end
end
