# frozen_string_literal: true

module HearthRuntime
  # What the platform delivers with an event. Texts that are absent are empty.
  Call = Struct.new(
    :deadline_ms, :request_id, :function_arn, :trace_id, :client_context, :identity, :tenant_id, :body, :content_type
  ) do
    # As the answer of an HTTP client, for functions that replace `AwsLambda::Marshaller.marshall_request`.
    def [](name)
      name.to_s.casecmp?("content-type") ? content_type : super
    end
  end
end
