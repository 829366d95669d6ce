# frozen_string_literal: true

module HearthRuntime
  # What the invoker and the log see of an exception.
  class Failure
    # Classes that the header with the error's type names; to the platform all others are the function's own.
    NAMED = %w[
      ArgumentError NoMethodError Exception StandardError NameError LoadError SystemExit SystemStackError
    ].freeze

    LONGEST_TRACE = 100
    OWN_FOLDER = "#{__dir__}/"
    private_constant :OWN_FOLDER

    attr_reader :message, :type, :trace

    def initialize(problem, phase)
      @class_name = problem.class.to_s
      @type = "#{phase}<#{@class_name}>"
      @message = Failure.text(begin
        problem.message
      rescue StandardError
        "<unprintable #{@class_name} object>"
      end)
      @trace = Failure.trace(problem).first(LONGEST_TRACE)
    end

    def header_type
      NAMED.include?(@class_name) ? @type : "Function<UserException>"
    end

    # The error document, its keys in the contract's order.
    def to_h
      { errorMessage: @message, errorType: @type, stackTrace: @trace }
    end

    def document
      JSON.generate(to_h)
    end

    def self.text(value)
      value.to_s.encode(Encoding::UTF_8, invalid: :replace, undef: :replace, replace: "\uFFFD").scrub
    end

    # Where an exception was raised, up to the first frame that is the runtime's own.
    def self.trace(problem)
      Array(problem.backtrace).take_while { |line| !line.start_with?(OWN_FOLDER) }.map { |line| text(line) }
    end
  end
end
