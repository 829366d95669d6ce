# frozen_string_literal: true

# The context object: the second argument of every handler. Its name and its methods are Lambda's.
class LambdaContext
  attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name, :function_name,
              :memory_limit_in_mb, :function_version, :identity, :client_context, :deadline_ms, :tenant_id

  def initialize(call)
    @aws_request_id = call.request_id
    @deadline_ms = call.deadline_ms
    @invoked_function_arn = call.function_arn
    @log_group_name = ENV["AWS_LAMBDA_LOG_GROUP_NAME"]
    @log_stream_name = ENV["AWS_LAMBDA_LOG_STREAM_NAME"]
    @function_name = ENV["AWS_LAMBDA_FUNCTION_NAME"]
    @memory_limit_in_mb = ENV["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
    @function_version = ENV["AWS_LAMBDA_FUNCTION_VERSION"]
    @identity = JSON.parse(call.identity) unless call.identity.empty?
    @client_context = JSON.parse(call.client_context) unless call.client_context.empty?
    @tenant_id = call.tenant_id unless call.tenant_id.empty?
  end

  def get_remaining_time_in_millis # rubocop:disable Naming/AccessorMethodName -- Lambda's name.
    [@deadline_ms - Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond), 0].max
  end
end
